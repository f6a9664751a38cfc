"""All that a run needs to go on as if it had never stopped: written whole, in parts, checked when read.

RUN/checkpoints/00001200/ holds manifest.json and, in parts of at most 15 MiB, network, average and optimiser as
safetensors. Nothing is pickled.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from rimlight.errors import RimlightError, TrainingError
from rimlight.training import parts
from rimlight.training.config import Config
from rimlight.training.plain import from_plain
from rimlight.training.schedule import Position

SCHEMA = 1
FOLDER, MANIFEST = "checkpoints", "manifest.json"
DRAFT = ".draft-"
Tensors = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class State:
    """A run between two steps.

    network, average: weights and batch norm statistics by name. optimiser: its memory by PARAMETER/KEY.
    log_bytes: length of the log up to here, so that rows of steps that are made again are not kept twice.
    """

    config: Config
    position: Position
    network: Tensors
    average: Tensors
    optimiser: Tensors
    log_bytes: int = 0


def write(state: State, run: Path, kept: int = 2) -> Path:
    """Write a checkpoint into run and return its folder; only the newest kept ones stay.

    It appears whole or not at all: under another name first, then renamed. Raises TrainingError if it cannot be
    written.
    """
    target = run / FOLDER / f"{state.position.total:08d}"
    draft = target.with_name(f"{DRAFT}{target.name}")
    if target in found(run):  # a run that was asked to go on, and made no step
        return target
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _fill(draft, state)
        os.replace(draft, target)
        for old in found(run)[: -max(1, kept)]:
            shutil.rmtree(old)
    except OSError as error:
        raise TrainingError(
            f"cannot write the checkpoint {target}: {error.strerror or error}; free space or choose another --out"
        ) from error
    return target


def found(run: Path) -> list[Path]:
    """Folders of all whole checkpoints of a run, oldest first."""
    folders = (run / FOLDER).glob("[0-9]*") if (run / FOLDER).is_dir() else ()
    return sorted(folder for folder in folders if (folder / MANIFEST).is_file())


def latest(run: Path) -> Path:
    """The newest checkpoint; raises TrainingError if there is none."""
    if not (folders := found(run)):
        raise TrainingError(f"there is no checkpoint in {run}; start the run without --resume")
    return folders[-1]


def read(folder: Path) -> State:
    """A checkpoint, every part checked; raises TrainingError that names what is missing, damaged or not understood."""
    manifest = _manifest(folder / MANIFEST)
    try:
        tensors = {name: load(parts.join(folder, entry)) for name, entry in manifest["files"].items()}
        config = from_plain(Config, manifest["config"], "config")
        position = from_plain(Position, manifest["position"], "position")
        return State(
            config, position, tensors["network"], tensors["average"], tensors["optimiser"], manifest["log_bytes"]
        )
    except (KeyError, TypeError, SafetensorError) as error:
        raise TrainingError(
            f"{folder / MANIFEST} is damaged: {error!r}; delete its folder to go on from an older one"
        ) from error
    except TrainingError:
        raise
    except RimlightError as error:
        raise TrainingError(f"{folder / MANIFEST} is of another version of rimlight: {error}") from error


def _fill(folder: Path, state: State) -> None:
    tensors = {"network": state.network, "average": state.average, "optimiser": state.optimiser}
    files = {name: parts.split(save(_plain(own)), folder, name) for name, own in tensors.items()}
    manifest = {
        "schema": SCHEMA, "position": asdict(state.position), "log_bytes": state.log_bytes, "files": files,
        "config": asdict(state.config),
    }  # fmt: skip
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, allow_nan=False) + "\n")


def _plain(tensors: Tensors) -> Tensors:
    """As safetensors wants them: on the processor, in plain order, none sharing memory with another."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TrainingError(f"cannot read {path}: {error}; delete its folder to go on from an older one") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        schema = manifest.get("schema") if isinstance(manifest, dict) else None
        raise TrainingError(f"expected a checkpoint of schema {SCHEMA} in {path}, got {schema}; start the run again")
    return manifest
