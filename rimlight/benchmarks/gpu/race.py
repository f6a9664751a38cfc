"""Cases of one size and number of streams, round by round in turn, and what came out as a record and a table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rimlight.benchmarks.gpu.cases import Case, Timed
from rimlight.benchmarks.machine import relative_spread
from rimlight.benchmarks.tables import markdown
from rimlight.errors import RimlightError

WARM_UP = 3
LEAST, MOST = 5, 400  # calls of a round
DIGITS = 4


@dataclass(slots=True)
class _Runner:
    """An open case, how many calls a round has, milliseconds of single calls, and frames per second of each round."""

    case: Case
    timed: Timed
    calls: int
    alone_ms: list[float] = field(default_factory=list)
    fps: list[float] = field(default_factory=list)

    def run(self) -> None:
        """One round: calls one by one, then as many one behind the other."""
        self.alone_ms += [self.timed.alone_ms() for _ in range(self.calls)]
        self.fps.append(1e3 * self.calls * self.case.streams / self.timed.together_ms(self.calls))

    def row(self) -> dict[str, Any]:
        """What was found, ready for a record."""
        p50, p99 = np.percentile(self.alone_ms, (50, 99))
        return {
            "who": self.case.who, "what": self.case.what, "size": str(self.case.size), "streams": self.case.streams,
            "calls": len(self.alone_ms), "p50_ms": round(float(p50), DIGITS), "p99_ms": round(float(p99), DIGITS),
            "fps": round(float(np.median(self.fps)), 2), "fps_spread": round(relative_spread(self.fps), DIGITS),
        }  # fmt: skip


def race(cases: Sequence[Case], seconds: float, rounds: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """A row for each case that could be had, and the reason of every other, by name.

    seconds: about how long each case is timed in all, half of it call by call; rounds: how often all have their turn.
    """
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        runners: list[_Runner] = []
        for case in cases:
            ready = _ready(case, stack, seconds / (2 * rounds))
            if isinstance(ready, _Runner):
                runners.append(ready)
            else:
                absent[name_of(case)] = ready
        for _ in range(rounds):
            for runner in runners:
                runner.run()
    return [runner.row() for runner in runners], absent


def name_of(case: Case) -> str:
    """How a case is called where it is absent."""
    return f"{case.who}, {case.what}, {case.size}, {case.streams}"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown: milliseconds of a call alone, frames per second of many."""
    head = ["who", "what a call is", "frame", "streams", "p50 ms", "p99 ms", "frames/s", "spread"]
    body = [
        [
            row["who"], row["what"], row["size"], str(row["streams"]), f"{row['p50_ms']:.3f}", f"{row['p99_ms']:.3f}",
            f"{row['fps']:.1f}", f"{row['fps_spread']:.0%}",
        ]
        for row in rows
    ]  # fmt: skip
    return markdown([head, *body])


def _ready(case: Case, stack: ExitStack, seconds: float) -> _Runner | str:
    """What is open and warm, to be closed by the stack; or why it is not."""
    try:
        timed = case.open()
        stack.callback(timed.close)
        for _ in range(WARM_UP):
            timed.together_ms(1)
        once_ms = max(1e-3, min(timed.alone_ms() for _ in range(2)))
    except RimlightError as error:
        return str(error)
    return _Runner(case, timed, int(min(MOST, max(LEAST, seconds * 1e3 / once_ms))))
