"""Where a run stands, and its learning rate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rimlight.training import schedule
from rimlight.training.config import Config
from rimlight.training.schedule import Position

from .runs import TINY

TIMED = replace(
    TINY, stages=tuple(replace(stage, steps=None, seconds=10.0 * (at + 1)) for at, stage in enumerate(TINY.stages))
)


def walk(config: Config, seconds: float) -> list[Position]:
    positions = [Position()]
    while not schedule.is_done(config, positions[-1]):
        positions.append(schedule.advanced(config, positions[-1], seconds))
    return positions


def test_stages_follow_each_other_step_by_step() -> None:
    found = [(at.stage, at.step, at.total) for at in walk(TINY, 3.0)]
    assert found == [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3), (2, 0, 4), (2, 1, 5), (3, 0, 6)]


def test_stages_in_seconds_last_as_long_as_they_say() -> None:
    positions = walk(TIMED, 4.0)
    assert [sum(at.stage == stage for at in positions) for stage in range(3)] == [3, 5, 8]
    assert positions[-1].trained_s == pytest.approx(4.0 * (len(positions) - 1))


@pytest.mark.parametrize("config", [TINY, TIMED])
def test_progress_runs_from_0_to_1_without_a_step_back(config: Config) -> None:
    found = [schedule.progress(config, at) for at in walk(config, 2.0)]
    assert found[0] == 0
    assert found[-1] == 1
    assert found == sorted(found)


def test_one_cosine_spans_all_stages() -> None:
    config = replace(TINY, warmup=0)
    rates = [schedule.rate(config, at) for at in walk(config, 1.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 1
    assert rates[3] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0)


def test_the_cosine_ends_at_its_floor() -> None:
    config = replace(TINY, warmup=0, floor=0.2)
    assert schedule.rate(config, Position(stage=3)) == pytest.approx(0.2)
    assert schedule.rate(config, Position()) == 1


def test_the_rate_rises_over_the_first_steps() -> None:
    config = replace(TINY, warmup=3)
    rises = [schedule.rate(config, at) / schedule.rate(replace(config, warmup=0), at) for at in walk(config, 1.0)[:5]]
    assert rises == pytest.approx([0.25, 0.5, 0.75, 1, 1])
