"""Cases are timed in turn, and ratios are taken pair by pair."""

from __future__ import annotations

import pytest

from rimlight.benchmarks.timing import (
    IDLE_RESTS,
    MOST_RESTS,
    Case,
    Clock,
    pair_ratios,
    rest_until_idle,
    summary,
    time_call,
    time_in_turn,
)
from tests.benchmarks.doubles import ticking


def test_cases_are_called_in_turn_after_a_warm_up_of_each() -> None:
    called: list[str] = []
    cases = [Case((name,), lambda name=name: called.append(name)) for name in "abc"]
    found = time_in_turn(cases, repeats=2, warm_up=2, clock=ticking())
    assert "".join(called) == "aabbcc" + "abc" * 2
    assert found == {("a",): [0.25, 0.25], ("b",): [0.25, 0.25], ("c",): [0.25, 0.25]}


def test_every_timed_call_rests_first() -> None:
    told: list[str] = []
    clock = Clock(lambda: float(len(told)), lambda: told.append("rest"))
    time_call(lambda: told.append("call"), clock)
    assert told == ["rest", "call"]


@pytest.mark.parametrize(
    ("spins_ms", "rests"),
    [([], IDLE_RESTS), ([3, 3], 2 + IDLE_RESTS), ([3, 0, 3], 3 + IDLE_RESTS), ([3] * 999, MOST_RESTS)],
)
def test_a_rest_lasts_until_spinning_threads_are_idle(spins_ms: list[int], rests: int) -> None:
    """spins_ms: what other threads of the process compute during each rest."""
    spent_ms, slept = 0, 0

    def sleep(_: float) -> None:
        nonlocal spent_ms, slept
        spent_ms += spins_ms[slept] if slept < len(spins_ms) else 0
        slept += 1

    rest_until_idle(sleep, lambda: spent_ms / 1e3)
    assert slept == rests


def test_a_summary_holds_percentiles_in_milliseconds_and_the_spread() -> None:
    found = summary([0.001 * value for value in range(1, 102)])
    assert found == {"count": 101, "p50_ms": 51, "p95_ms": 96, "p99_ms": 100, "mean_ms": 51, "spread": 1.5686}


def test_ratios_are_of_pairs_and_not_of_medians() -> None:
    drifting = [1.0, 2.0, 4.0, 8.0]
    assert pair_ratios([3 * value for value in drifting], drifting) == {"q1": 3, "median": 3, "q3": 3, "pairs": 4}
    assert pair_ratios([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]) == {"q1": 1.5, "median": 2, "q3": 2.5, "pairs": 3}


@pytest.mark.parametrize(("above", "below"), [([], []), ([1.0], [1.0, 2.0])])
def test_what_is_no_pair_has_no_ratio(above: list[float], below: list[float]) -> None:
    with pytest.raises(ValueError, match="pairs"):
        pair_ratios(above, below)
