"""`rimlight train`: put config, data, network and loop together, and say how it went."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import torch
from tqdm import tqdm

from rimlight.errors import ConfigError, DataError, MissingExtraError, TrainingError
from rimlight.training import checkpoint, datasets, loop, plot, recipes, systems, weights_out
from rimlight.training.checkpoint import State
from rimlight.training.config import Config
from rimlight.training.data.items import Item
from rimlight.training.devices import Worker, open_worker
from rimlight.training.overrides import changed
from rimlight.training.plain import from_json, to_json
from rimlight.training.schedule import progress
from rimlight.training.shapes import Shapes
from rimlight.training.sources import Batches, Synthesised, chosen
from rimlight.training.stopping import stopped_by_signals
from rimlight.training.synthesis.pool import Pool
from rimlight.training.synthesis.preview import draw
from rimlight.training.trainer import Trainer

SHAPES = "shapes"
CONFIG, PLOT, WEIGHTS = "config.json", "losses.png", "weights.safetensors"


@dataclass(frozen=True, slots=True)
class Request:
    """The command's options; recipe is a name of recipes.RECIPES or a JSON file, settings are PATH=VALUE."""

    out: Path
    recipe: str | None = None
    data: tuple[str, ...] = ()
    seconds: float | None = None
    steps: int | None = None
    resume: bool = False
    device: str = "auto"
    init: str | None = None
    settings: tuple[str, ...] = ()
    export: Path | None = None
    save_every_s: float = 300.0
    kept: int = 2
    quiet: bool = False


def train(request: Request) -> None:
    """Train for a leg; raises KeyboardInterrupt with what is kept when a signal ended it, RimlightError otherwise."""
    began_s = time.monotonic()
    until_s = None if request.seconds is None else began_s + request.seconds
    leg = loop.Leg(until_s, request.steps, request.save_every_s, request.kept)
    with stopped_by_signals() as stop:
        state = checkpoint.read(checkpoint.latest(request.out)) if request.resume else None
        config = config_of(request, state)
        worker = open_worker(request.device)
        try:
            trainer = Trainer(config, worker, state)
            leader = worker.rank == 0
            batches = open_batches(request, config, worker)
            if leader:
                keep_config(config, request.out)
            with Line(config, trainer, hidden=request.quiet or not leader) as line:
                loop.run(trainer, batches, request.out, leg, state.log_bytes if state else 0, stop, line, leader)
            if leader:
                _finish(request, trainer, line)
        finally:
            worker.close()
        if stop.is_set() and not trainer.done:
            raise KeyboardInterrupt(
                f"step {trainer.position.total} is saved in {request.out}; the same command with --resume goes on"
            )


def config_of(request: Request, state: State | None = None) -> Config:
    """The config that the options ask for; that of the state when they ask for none.

    Raises ConfigError for bad options, and for options that are not those which the state's run began with;
    TrainingError if a run is there already that is not to be resumed.
    """
    if state is None and checkpoint.found(request.out):
        raise TrainingError(f"there is a run in {request.out} already; add --resume, or choose another --out")
    if request.recipe is not None:
        asked = _named(request.recipe)
    elif state is not None:
        asked = state.config
    else:
        raise ConfigError(f"expected a recipe: --recipe {', '.join(recipes.RECIPES)}, or a JSON file")
    settings = request.settings if request.init is None else (*request.settings, f"init={json.dumps(request.init)}")
    config = changed(asked, settings)
    if state and config != state.config:
        names = ", ".join(_differences(asdict(state.config), asdict(config)))
        raise ConfigError(f"the run in {request.out} began with other values of {names}; leave --recipe and --set away")
    return config


def open_batches(request: Request, config: Config, worker: Worker) -> Batches:
    """The source of batches that --data names; raises DataError for one that is not there."""
    if not request.data and request.steps != 0:
        raise DataError(f"expected --data LAYOUT:FOLDER, or --data {SHAPES} for drawn clips, got none")
    if request.data == (SHAPES,) or not request.data:
        shapes = Shapes(config, worker.device, worker.rank, worker.world)
        return systems.marked(shapes, config, worker.rank, worker.world)
    items = datasets.for_training(request.data, request.out)
    hidden = request.quiet or worker.rank > 0

    def opened(items: Sequence[Item], device: torch.device, longest: int) -> Pool:
        return open_pool(items, device, longest, hidden)

    made = Synthesised(items, config, worker.device, worker.rank, worker.world, opened)
    return systems.marked(made, config, worker.rank, worker.world)


def open_pool(items: Sequence[Item], device: torch.device, longest: int, hidden: bool) -> Pool:
    """The pool of items, with a bar on a terminal while they are read and a line about what it holds."""
    with tqdm(total=len(items), desc="reading", unit=" item", disable=True if hidden else None, leave=False) as bar:
        pool = Pool(items, device, longest, progress=lambda done, _: bar.update(done - bar.n))
    if not hidden:
        click.echo(str(pool), err=True)
    return pool


def preview(sets: Sequence[str], out: Path, recipe: str, stage: str | None, step: int, settings: Sequence[str]) -> None:
    """Draw a batch of a recipe's stage, the first unless named, to out; raises ConfigError, DataError."""
    config = changed(_named(recipe), settings)
    names = [one.name for one in config.stages]
    if stage is not None and stage not in names:
        raise ConfigError(f"expected a stage of {', '.join(names)}, got {stage!r}")
    number = names.index(stage) if stage else 0
    own = config.stages[number]
    items = chosen(datasets.items_of(sets), own)
    pool = open_pool(items, torch.device("cpu"), own.longest, hidden=False)
    sheet = draw(pool, own.plan, out, step, config.seed, number)
    click.echo(str(sheet))


def keep_config(config: Config, out: Path) -> None:
    """Write out/config.json, which --recipe takes too; raises TrainingError if out cannot be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / CONFIG).write_text(to_json(config))
    except OSError as error:
        raise TrainingError(f"cannot write to {out}: {error.strerror or error}; choose another --out") from error


class Line:
    """One line on a terminal that says how far the run is, and the last values of the log."""

    def __init__(self, config: Config, trainer: Trainer, hidden: bool) -> None:
        self._config, self._trainer = config, trainer
        self.begun = f"{config.name} from {trainer.begun}"
        if not hidden:
            click.echo(self.begun, err=True)
        shown = "{desc}: {percentage:3.0f} %|{bar}| {elapsed} {postfix}"
        self._bar = tqdm(total=1.0, bar_format=shown, disable=True if hidden else None, file=sys.stderr)
        self.last: dict[str, float | str] = {}

    def __call__(self, row: Mapping[str, float | str]) -> None:
        """Show a row of the log."""
        self.last = dict(row)
        self._bar.n = progress(self._config, self._trainer.position)
        self._bar.set_description_str(str(row["stage"]), refresh=False)
        self._bar.set_postfix_str(said(row), refresh=False)
        self._bar.update(0)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def said(row: Mapping[str, float | str]) -> str:
    """A row of the log in a few words."""
    alpha = f" alpha {row['alpha']:.4f}," if "alpha" in row else ""
    return f"step {row['step']:.0f}, loss {row['total']:.4f},{alpha} {row['images_per_s']:.0f}/s"


def _finish(request: Request, trainer: Trainer, line: Line) -> None:
    """The plot, the weights, and what to read about it."""
    out = request.out
    kept = [str(checkpoint.latest(out))]
    try:
        kept.append(str(plot.draw(out / loop.LOG, out / PLOT)))
    except MissingExtraError:
        kept.append(str(out / loop.LOG))
    except TrainingError:  # a log without rows yet
        if line.last:
            raise
    target = request.export or (out / WEIGHTS if trainer.done else None)
    if target:
        kept.append(str(weights_out.export(trainer.state(), target)))
    if not request.quiet:
        click.echo(f"{said(line.last) if line.last else 'no step'}; {', '.join(kept)}", err=True)


def _differences(old: Any, new: Any, where: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        found = [_differences(old.get(key), new.get(key), f"{where}.{key}") for key in {**old, **new}]
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        found = [_differences(one, two, f"{where}[{at}]") for at, (one, two) in enumerate(zip(old, new, strict=True))]
    else:
        return [] if old == new else [where.lstrip(".")]
    return [name for names in found for name in names]


def _named(recipe: str) -> Config:
    """The config of a recipe's name or JSON file."""
    if recipe.endswith(".json"):
        return from_json(Config, _text(Path(recipe)), recipe)
    return recipes.recipe(recipe)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the recipe {path}: {error}") from error
