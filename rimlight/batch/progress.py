"""How a batch is shown while it runs: a line for people, JSON lines for programs, figures for Prometheus."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePath
from typing import Any, BinaryIO, TextIO

from rimlight.batch.board import Board, View
from rimlight.errors import SinkError

EVERY_S = 30.0  # between two lines where the output is no terminal
CLEAR = "\r\x1b[K"


def line_of(view: View) -> str:
    """Where a batch stands, in one line."""
    inputs = view.inputs
    parts = [f"{inputs['done']} of {sum(inputs.values())} files done"]
    parts += [f"{inputs[state]} {state}" for state in ("failed", "quarantined") if inputs[state]]
    parts += [f"{view.at_work} at work", f"{view.frames:,} frames", f"{view.fps:.1f} frames/s"]
    if view.left_s is not None and view.left_s >= 1:
        parts.append(f"{clock(view.left_s)} left")
    if view.slowest:
        parts.append(f"slowest {short(view.slowest[0][1])} {clock(view.slowest[0][0])}")
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    return str(timedelta(seconds=round(seconds)))


def short(source: str) -> str:
    """The name of a file without its folders."""
    return PurePath(source).name


@dataclass(slots=True)
class Lines:
    """Shows the board on a stream: one line that changes on a terminal, else a line now and then."""

    board: Board
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    now: Callable[[], float] = time.monotonic
    _shown_s: float = 0.0

    def __post_init__(self) -> None:
        self._shown_s = self.now()

    def tick(self) -> None:
        """To be called often."""
        if self.stream.isatty():
            room = shutil.get_terminal_size().columns - 1  # a longer line would go on below, and stay there
            print(f"{CLEAR}{line_of(self.board.view())[:room]}", end="", file=self.stream, flush=True)
        elif self.now() - self._shown_s >= EVERY_S:
            self._shown_s = self.now()
            print(f"rimlight: {line_of(self.board.view())}", file=self.stream, flush=True)

    def finish(self, report: Path) -> None:
        """The last line, the slowest files, and where the report is."""
        view = self.board.view()
        end = CLEAR if self.stream.isatty() else ""
        print(f"{end}rimlight: {line_of(view)}", file=self.stream)
        for seconds, source in view.slowest[1:]:
            print(f"rimlight:   then {short(source)} {clock(seconds)}", file=self.stream)
        print(f"rimlight: report in {report}", file=self.stream)


@contextmanager
def events_to(target: str | None) -> Iterator[Callable[[dict[str, Any]], None]]:
    """What writes events as JSON lines to a file ("-" for stdout), whole lines only; nothing for None."""
    if target is None:
        yield lambda _: None
        return
    lock = threading.Lock()

    def write(event: dict[str, Any]) -> None:
        try:
            with lock:
                stream.write(f"{json.dumps(event)}\n".encode())
                stream.flush()
        except OSError as error:
            raise SinkError(f"events cannot be written to {target}: {error.strerror}; go on with the same") from error

    if target == "-":
        stream: BinaryIO = sys.stdout.buffer
        yield write
        return
    try:
        file = open(target, "ab", buffering=0)  # noqa: SIM115 - closed below, and here it may raise
    except OSError as error:
        raise SinkError(f"events cannot be written to {target}: {error.strerror}; name another file") from error
    with file as stream:
        yield write


class Collector:
    """A board's figures for Prometheus, asked for at every scrape; see docs/batch.md."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterable[Any]:
        """The families of metrics."""
        from prometheus_client import core

        view = self._board.view()
        inputs = core.GaugeMetricFamily("rimlight_batch_inputs", "Inputs of every state", labels=["state"])
        for state, count in view.inputs.items():
            inputs.add_metric([state], count)
        yield inputs
        yield core.CounterMetricFamily("rimlight_batch_frames", "Frames written by this run", view.frames)
        yield core.CounterMetricFamily("rimlight_batch_failures", "Steps of this run that failed", view.tries)
        yield core.GaugeMetricFamily("rimlight_batch_at_work", "Steps that are being done", view.at_work)
        yield core.GaugeMetricFamily("rimlight_batch_fps", "Frames per second over this run", view.fps)
        if view.left_s is not None:
            yield core.GaugeMetricFamily("rimlight_batch_left_seconds", "Time to go, by bytes of input", view.left_s)
