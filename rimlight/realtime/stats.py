"""What the loop measures: time per stage, frames in and out, drops and queue depths.

Written by several threads, each its own stage; read by anyone as a frozen snapshot.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

WINDOW = 4096  # samples a stage keeps


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Milliseconds of one stage over its last calls."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_ms: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All stages, counters, largest queue depths and levels at one moment; elapsed_s since the first frame."""

    stages: dict[str, StageTimes]
    counts: dict[str, int]
    depths: dict[str, int]
    levels: dict[str, float]
    elapsed_s: float

    @property
    def fps(self) -> float:
        """Frames written per second so far."""
        return self.counts.get("out", 0) / self.elapsed_s if self.elapsed_s else 0.0


class Stats:
    """Collects; every stage has one writer, so appending to its deque needs no lock."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[float]] = {}
        self._totals: dict[str, tuple[int, float]] = {}
        self._counts: Counter[str] = Counter()
        self._depths: dict[str, int] = {}
        self._levels: dict[str, float] = {}
        self._started_s: float | None = None
        self._last_s = 0.0

    def sample(self, stage: str, seconds: float) -> None:
        """Note one duration of a stage."""
        self._samples.setdefault(stage, deque(maxlen=WINDOW)).append(seconds)
        calls, total_s = self._totals.get(stage, (0, 0.0))
        self._totals[stage] = (calls + 1, total_s + seconds)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long the block took."""
        begin_s = time.perf_counter()
        yield
        self.sample(stage, time.perf_counter() - begin_s)

    def count(self, what: str, amount: int = 1) -> None:
        """Count frames in, out, dropped, covered; the first one starts the clock."""
        now_s = time.perf_counter()
        if self._started_s is None:
            self._started_s = now_s
        self._last_s = now_s
        self._counts[what] += amount

    def depth(self, queue: str, frames: int) -> None:
        """Note how many items wait in a queue; the largest is kept."""
        self._depths[queue] = max(frames, self._depths.get(queue, 0))

    def level(self, what: str, value: float) -> None:
        """Note a value that holds until the next, such as the detail that the governor chose."""
        self._levels[what] = value

    def totals(self) -> dict[str, tuple[int, float]]:
        """Calls and seconds of every stage since the beginning; the difference of two tells of the time between."""
        return dict(self._totals)

    def counts(self) -> dict[str, int]:
        """All counters, without the cost of a snapshot."""
        return dict(self._counts)

    def merge(self, other: Stats) -> None:
        """Take over the stages of another loop that ran at the same time, but not its clock and counts."""
        for stage, samples in other._samples.items():
            self._samples.setdefault(stage, deque(maxlen=WINDOW)).extend(samples)
        for stage, (calls, total_s) in other._totals.items():
            before, before_s = self._totals.get(stage, (0, 0.0))
            self._totals[stage] = (before + calls, before_s + total_s)

    def snapshot(self) -> Snapshot:
        """Everything so far."""
        stages = {stage: _times(list(samples)) for stage, samples in list(self._samples.items()) if samples}
        elapsed_s = self._last_s - self._started_s if self._started_s is not None else 0.0
        return Snapshot(stages, dict(self._counts), dict(self._depths), dict(self._levels), elapsed_s)


def _times(seconds: list[float]) -> StageTimes:
    p50, p95, p99 = np.percentile(seconds, (50, 95, 99)) * 1e3
    return StageTimes(len(seconds), float(p50), float(p95), float(p99), float(np.mean(seconds) * 1e3))
