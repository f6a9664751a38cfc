"""Runs of the studio's networks so small that a test can afford them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rimlight.model.studio.config import StudioConfig
from rimlight.training import checkpoint, log, loop, systems
from rimlight.training.config import Config, Rates, Stage
from rimlight.training.shapes import Shapes
from rimlight.training.studio.marks import Marks
from rimlight.training.synthesis.plan import Plan
from rimlight.training.trainer import Trainer

from ..runs import ALONE

RATES = Rates(encoder=1e-3, rest=1e-3)
NARROW = StudioConfig(context_channels=16, key_channels=8, decoder_channels=(8, 8, 8, 8), radius=1, reach=3)
MARKS = Marks(kernels=(2, 3), iterations=(2, 4))
MATTING = Config(
    "matting",
    (Stage("matting", Plan((64, 64), 2, 4), RATES, steps=4, marks=replace(MARKS, crops=(48, 64), crop_to=32)),),
    averaging=0.5, studio=NARROW,
)  # fmt: skip
PROPAGATION = Config(
    "propagation", (Stage("propagation", Plan((32, 48), 2, 3), RATES, steps=4, marks=MARKS),), averaging=0.5,
    studio=replace(NARROW, job="propagation"),
)  # fmt: skip


def trained(out: Path, config: Config, legs: Sequence[int | None] = (None,)) -> checkpoint.State:
    """The state after legs of so many steps each, begun anew from the checkpoint every time."""
    source = systems.marked(Shapes(config, ALONE.device), config)
    for number, steps in enumerate(legs):
        state = checkpoint.read(checkpoint.latest(out)) if number else None
        kept = state.log_bytes if state else 0
        loop.run(Trainer(config, ALONE, state), source, out, loop.Leg(steps=steps), kept)
    return checkpoint.read(checkpoint.latest(out))


def curve(out: Path, name: str = "total") -> list[float]:
    return log.numbers(log.read(out / loop.LOG), name)
