"""Training runs so small that a test can afford them: the real network, on pictures of a few hundred pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from rimlight.training import checkpoint, log, loop
from rimlight.training.config import Config, Rates, Stage
from rimlight.training.devices import Alone
from rimlight.training.shapes import Shapes
from rimlight.training.synthesis.plan import Plan
from rimlight.training.trainer import Trainer

RATES = Rates(encoder=1e-3, rest=1e-3)
IMAGES = Stage("images", Plan(size=(32, 48), batch=2, frames=1, photos=2), RATES, steps=2)
VIDEO = Stage("video", Plan(size=(32, 32), batch=2, frames=3), RATES, steps=2)
FULL = Stage(
    "full", Plan(size=(64, 64), batch=2, frames=2, photos=2), replace(RATES, refiner=1e-3), steps=2, factors=(2, 1)
)
TINY = Config("tiny", (IMAGES, VIDEO, FULL), averaging=0.5, warmup=1)
ALONE = Alone(torch.device("cpu"))


def trainer_of(config: Config = TINY, state: checkpoint.State | None = None) -> Trainer:
    return Trainer(config, ALONE, state)


def trained(out: Path, config: Config = TINY, legs: Sequence[int | None] = (None,)) -> checkpoint.State:
    """The state after legs of so many steps each, begun anew from the checkpoint every time."""
    source = Shapes(config, ALONE.device)
    for number, steps in enumerate(legs):
        state = checkpoint.read(checkpoint.latest(out)) if number else None
        kept = state.log_bytes if state else 0
        loop.run(trainer_of(config, state), source, out, loop.Leg(steps=steps), kept)
    return checkpoint.read(checkpoint.latest(out))


def curve(out: Path, name: str = "total") -> list[float]:
    return log.numbers(log.read(out / loop.LOG), name)


def differing(one: checkpoint.State, two: checkpoint.State) -> list[str]:
    """Names of tensors that are not the same to the last bit."""
    names = []
    for part in ("network", "average", "optimiser"):
        first, second = getattr(one, part), getattr(two, part)
        assert first.keys() == second.keys()
        names += [f"{part}.{name}" for name in first if not torch.equal(first[name], second[name])]
    return names
