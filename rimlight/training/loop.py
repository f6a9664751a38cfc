"""A leg of training: steps until the time, the steps or the stages are over, with a log and checkpoints."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from rimlight.training import checkpoint
from rimlight.training.log import Log
from rimlight.training.sources import Batches
from rimlight.training.trainer import Clock, Trainer

LOG = "log.csv"
Watch = Callable[[Mapping[str, float | str]], None]


@dataclass(frozen=True, slots=True)
class Leg:
    """How long a call trains, and how it keeps its state.

    until_s: on the loop's clock; the step that is being made then is the last. steps: of this leg. Without either it
    goes to the end of the last stage. save_every_s: between checkpoints, of which the newest kept stay.
    """

    until_s: float | None = None
    steps: int | None = None
    save_every_s: float = 300.0
    kept: int = 2


def run(
    trainer: Trainer, batches: Batches, folder: Path, leg: Leg,
    log_bytes: int = 0, stop: threading.Event | None = None, watch: Watch | None = None, leader: bool = True,
    clock: Clock = time.monotonic,
) -> None:  # fmt: skip
    """Train for a leg and leave folder/log.csv and a checkpoint.

    log_bytes: what is kept of an older log, by the state that trainer began from. stop: a wish to end after the next
    step. watch: called with every row. leader: whether this process writes. An error leaves the checkpoints of before
    as they are. Raises TrainingError, DataError.
    """
    stop = stop or threading.Event()
    steps, unsaved_s, ending = 0, 0.0, False
    with Log(folder / LOG, log_bytes, trainer.losses) if leader else nullcontext() as log:
        while not (trainer.done or ending or steps == leg.steps):
            wish = stop.is_set() or (leg.until_s is not None and clock() >= leg.until_s)
            made = trainer.step(batches, wish)
            steps, unsaved_s, ending = steps + 1, unsaved_s + made.seconds, made.stop
            if log:
                log.add(made.row)
            if watch:
                watch(made.row)
            if log and unsaved_s >= leg.save_every_s:
                checkpoint.write(trainer.state(log.bytes), folder, leg.kept)
                unsaved_s = 0.0
        if log:
            checkpoint.write(trainer.state(log.bytes), folder, leg.kept)
