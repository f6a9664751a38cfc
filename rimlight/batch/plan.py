"""From what the user asks for to a manifest that is ready to be worked on, and the recipe that all inputs share."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rimlight.backends import chosen
from rimlight.batch.driver import Recipe
from rimlight.batch.items import Item
from rimlight.batch.manifest import Manifest
from rimlight.batch.places import HIDDEN, Asked, expand, lasting
from rimlight.batch.storage import ABSENT, Stamp, StoreError, below, is_url, normal, present, remove, stamp
from rimlight.batch.tables import Line
from rimlight.compose import EdgeOptions
from rimlight.errors import SinkError, SourceError
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.formats import choose
from rimlight.realtime.sinks.options import Alpha, Options

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choices:
    """All that decides what outputs look like, to the last bit; kept in the manifest, and not to be mixed.

    detail: internal long side. threads: of each worker's network and encoder. batch: 0 for 1 on processors, and for
    what a probe finds on other devices. kind: ending of the outputs.
    """

    backend: str = "auto"
    backdrop: str = "blur"
    feather: float = 0.0
    shift: float = 0.0
    decontaminate: bool = True
    detail: int = 512
    threads: int = 1
    batch: int = 0
    side_by_side: bool = False
    sound: bool = True
    part_frames: int = 900
    kind: str = ".mp4"


@dataclass(frozen=True, slots=True)
class Order:
    """What to mat, where to, and how. state: folder of the manifest, None for one below out. given: choices by name.

    overwrite: whether outputs may take the place of files that no batch knows of. restart: forget what was done.
    """

    sources: Sequence[str]
    out: str
    given: Mapping[str, Any]
    state: Path | None = None
    tries: int = 3
    overwrite: bool = False
    restart: bool = False


def state_folder(out: str, state: Path | None) -> Path:
    """Where the manifest of a folder of outputs is; raises SinkError for a URL without a state folder."""
    if state is not None:
        return state
    if is_url(out):
        raise SinkError(f"what a batch knows is kept on this machine; name a folder for it: --state, besides {out}")
    return Path(os.path.abspath(out)) / HIDDEN


def prepare(order: Order, manifest: Manifest) -> tuple[Recipe, Choices]:
    """Bring the manifest up to date with an order; raises SourceError and SinkError for what cannot be done."""
    out = normal(order.out)
    parts = below(below(out, HIDDEN), "parts")
    ours = {line.out for line in manifest.lines()}
    if order.restart:
        manifest.clear()
        remove(parts)
    choices = _choices(order, manifest.settings())
    asked = expand(order.sources, out, choices.kind)
    alphas = {backdrop: _alpha(backdrop, choices) for backdrop in _backdrops(asked, manifest.lines(), choices)}
    manifest.settle(asdict(choices) | {"out": out})
    if not order.overwrite:
        _check_foreign([one.out for one in asked if one.out not in ours], out)
    added = manifest.add(asked)
    if added.changed:
        log.warning("%d files were changed since the batch looked at them; they are matted anew", added.changed)
    if not order.sources:
        _notice_changes(manifest)
    _look_for_lost(manifest, out)
    scratch = None if is_url(out) else below(below(out, HIDDEN), "scratch")
    item = Item(
        "begin", _settings(choices), scratch=scratch, options=Options(threads=choices.threads), sound=choices.sound,
        part_frames=choices.part_frames,
    )  # fmt: skip
    return Recipe(item, out, parts, alphas, order.tries), choices


def look_again(manifest: Manifest) -> int:
    """Put what failed back on the list, anew where its file was changed; returns how many inputs that are."""
    count = manifest.retry()
    _notice_changes(manifest)
    return count


def _notice_changes(manifest: Manifest) -> None:
    """Begin anew what is on the list and was changed since."""
    now = [(line, _asked(line)) for line in manifest.lines() if line.state in ("pending", "running")]
    manifest.begin_anew(one for line, one in now if not one.stamp.agrees(Stamp(line.size, line.mark)))


def _choices(order: Order, known: dict[str, Any]) -> Choices:
    """What was chosen: by the batch that goes on where no sources are named, and by the options that are given."""
    before = {name: known[name] for name in asdict(Choices()) if name in known}
    if not order.sources and not before:
        raise SourceError(f"no batch in {order.out} to go on with, and no sources; name files or folders to mat")
    choices = Choices(**((before if not order.sources else {}) | dict(order.given)))
    return replace(choices, backend=chosen(choices.backend), backdrop=lasting(choices.backdrop))


def _backdrops(asked: Sequence[Asked], lines: Sequence[Line], choices: Choices) -> set[str]:
    looks = [dict(one.look) for one in asked] + [dict(line.look) for line in lines]
    return {choices.backdrop, *(look["backdrop"] for look in looks if "backdrop" in look)}


def _alpha(backdrop: str, choices: Choices) -> Alpha:
    """How transparency is written; raises BackdropError, SinkError before any work is done in vain."""
    opened = open_backdrop(backdrop)
    opened.close()
    alpha: Alpha = opened.transparent and ("side-by-side" if choices.side_by_side else True)
    choose(Path(f"out{choices.kind}"), Options(alpha))
    return alpha


def _settings(choices: Choices) -> Settings:
    edges = EdgeOptions(choices.feather, choices.shift, choices.decontaminate)
    return Settings(
        choices.backend, choices.backdrop, edges, long_side=choices.detail, batch=choices.batch, threads=choices.threads
    )


def _check_foreign(names: Sequence[str], out: str) -> None:
    """Raise SinkError where an output would replace a file that this batch did not write."""
    foreign = present(out, names)
    if foreign:
        raise SinkError(f"{below(out, min(foreign))} exists; choose another --out, or allow it with --overwrite")


def _look_for_lost(manifest: Manifest, out: str) -> None:
    """Mat anew what was done and is no longer there."""
    done = [line for line in manifest.lines() if line.state == "done"]
    there = present(out, [line.out for line in done])
    lost = [line for line in done if line.out not in there]
    if lost:
        log.warning("%d outputs, such as %s, are gone; they are made anew", len(lost), lost[0].out)
        manifest.begin_anew(_asked(line) for line in lost)


def _asked(line: Line) -> Asked:
    try:
        now = stamp(line.source)
    except (SourceError, StoreError):
        now = ABSENT
    return Asked(line.source, line.out, now, tuple(line.look.items()))
