"""Where a run stands, and the learning rate there: one cosine over all stages."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rimlight.training.config import Config, Stage


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two steps.

    stage: index of the stage, the number of stages at the end. step: made in this stage. total: made since the start.
    elapsed_s: trained in this stage, over all legs. trained_s: since the start.
    """

    stage: int = 0
    step: int = 0
    total: int = 0
    elapsed_s: float = 0.0
    trained_s: float = 0.0


def is_done(config: Config, position: Position) -> bool:
    """Whether all stages are through."""
    return position.stage >= len(config.stages)


def advanced(config: Config, position: Position, seconds: float) -> Position:
    """The position after a step that took seconds; the next stage's start where it was the stage's last."""
    after = Position(
        position.stage, position.step + 1, position.total + 1,
        position.elapsed_s + seconds, position.trained_s + seconds,
    )  # fmt: skip
    stage = config.stages[position.stage]
    if _within(stage, after) >= stage.length:
        return Position(position.stage + 1, 0, after.total, 0.0, after.trained_s)
    return after


def progress(config: Config, position: Position) -> float:
    """Share of the whole run that is behind, 0..1."""
    whole = sum(stage.length for stage in config.stages)
    behind = sum(stage.length for stage in config.stages[: position.stage])
    if not is_done(config, position):
        stage = config.stages[position.stage]
        behind += min(_within(stage, position), stage.length)
    return behind / whole


def rate(config: Config, position: Position) -> float:
    """What the stage's learning rates are multiplied with: a linear rise, then the cosine down to its floor."""
    risen = min(1.0, (position.total + 1) / (config.warmup + 1))
    cosine = 0.5 * (1 + math.cos(math.pi * progress(config, position)))
    return risen * (config.floor + (1 - config.floor) * cosine)


def _within(stage: Stage, position: Position) -> float:
    return position.step if stage.steps is not None else position.elapsed_s
