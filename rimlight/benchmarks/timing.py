"""Calls timed in turn, A B C A B C, so that a drift of the machine hits all alike; their percentiles and ratios."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rimlight.benchmarks.machine import relative_spread

REST_S = 0.005
IDLE_SHARE = 0.1  # of a rest, that this process may still compute
IDLE_RESTS = 2  # in a row; on a busy machine a thread that still spins may have been set aside for one of them
MOST_RESTS = 40

Summary = dict[str, float]


@dataclass(frozen=True, slots=True)
class Case:
    """Something to time. labels: what it is, such as stage, kind and size; unlike those of every other case."""

    labels: tuple[str, ...]
    call: Callable[[], object]


def rest_until_idle(
    sleep: Callable[[float], object] = time.sleep, spent: Callable[[], float] = time.process_time
) -> None:  # fmt: skip
    """Wait until no thread of this process computes any more, at most MOST_RESTS * REST_S.

    ONNX Runtime's threads spin for some milliseconds after a call and would make whatever comes next up to three times
    as slow. spent: processor seconds of this process.
    """
    idle = 0
    for _ in range(MOST_RESTS):
        before_s = spent()
        sleep(REST_S)
        idle = idle + 1 if spent() - before_s < IDLE_SHARE * REST_S else 0
        if idle == IDLE_RESTS:
            return


@dataclass(frozen=True, slots=True)
class Clock:
    """Where time comes from: now in seconds, and a rest before each call. Tests give one that does not wait."""

    now: Callable[[], float] = time.perf_counter
    rest: Callable[[], object] = rest_until_idle


def time_in_turn(
    cases: Sequence[Case], repeats: int, warm_up: int = 3, clock: Clock | None = None
) -> dict[tuple[str, ...], list[float]]:
    """Seconds of every call, by labels, in the order of the rounds; a round calls every case once.

    Each case is called warm_up times before anything counts, which compiles and fills what it keeps.
    """
    clock = clock or Clock()
    found: dict[tuple[str, ...], list[float]] = {case.labels: [] for case in cases}
    for case in cases:
        for _ in range(warm_up):
            case.call()
    for _ in range(repeats):
        for case in cases:
            found[case.labels].append(time_call(case.call, clock))
    return found


def time_call(call: Callable[[], object], clock: Clock) -> float:
    """Seconds of one call, after a rest."""
    clock.rest()
    begin_s = clock.now()
    call()
    return clock.now() - begin_s


def summary(seconds: Sequence[float]) -> Summary:
    """Count, p50_ms, p95_ms, p99_ms, mean_ms, and spread = (p90 - p10) / median, of at least one timing above 0."""
    p50, p95, p99 = np.percentile(seconds, (50, 95, 99)) * 1e3
    figures = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "mean_ms": np.mean(seconds) * 1e3}
    rounded = {name: round(float(value), 4) for name, value in figures.items()}
    return {"count": len(seconds), **rounded, "spread": round(relative_spread(seconds), 4)}


def pair_ratios(above: Sequence[float], below: Sequence[float]) -> Summary:
    """Quartiles q1, median, q3 of above/below, pair by pair: what the machine does to both at once cancels out.

    Raises ValueError unless both are of one length, above 0.
    """
    if not below or len(above) != len(below):
        raise ValueError(f"expected pairs, got {len(above)} and {len(below)} figures")
    q1, median, q3 = np.percentile(np.divide(above, below), (25, 50, 75))
    quartiles = {"q1": round(float(q1), 4), "median": round(float(median), 4), "q3": round(float(q3), 4)}
    return quartiles | {"pairs": len(below)}
