"""Where a batch stands: what its driver tells, added up for whoever shows it."""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rimlight.batch.items import Outcome
from rimlight.batch.tables import Line, State, Step

SLOWEST = 3  # files that are named


@dataclass(frozen=True, slots=True)
class View:
    """A moment of a batch. inputs: of every state. frames: of this run. fps: over this run; left_s: None if unknown.

    slowest: seconds of work and source of the inputs that took longest so far, the longest first.
    """

    inputs: dict[State, int]
    frames: int
    seconds: float
    fps: float
    left_s: float | None
    slowest: tuple[tuple[float, str], ...]
    at_work: int
    tries: int


@dataclass(slots=True)
class Board:
    """Adds up; one thread tells, any may look. event: gets every event as plain data, see docs/batch.md."""

    event: Callable[[dict[str, Any]], None] = lambda _: None
    clock: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sources: dict[int, str] = field(default_factory=dict)
    _states: dict[int, State] = field(default_factory=dict)
    _weights: dict[int, float] = field(default_factory=dict)
    _done: dict[int, float] = field(default_factory=dict)  # share of every input, 0..1
    _counts: dict[int, int] = field(default_factory=dict)  # frames of inputs, where they are known
    _written: dict[int, int] = field(default_factory=dict)  # frames of inputs that are done, in this run and before
    _spent_s: dict[int, float] = field(default_factory=dict)
    _begun_s: float = 0.0
    _first: float = 0.0
    _frames: int = 0
    _at_work: int = 0
    _tries: int = 0

    def begin(self, lines: list[Line], workers: dict[str, int]) -> None:
        """A run begins with these inputs."""
        known = [line.size for line in lines if line.size]
        usual = sum(known) / len(known) if known else 1.0
        with self._lock:
            for line in lines:
                self._sources[line.id], self._states[line.id] = line.source, line.state
                self._weights[line.id] = float(line.size or usual)
                self._done[line.id] = 0.0 if line.state in ("pending", "running") else 1.0
                self._spent_s[line.id] = line.seconds
                self._written[line.id] = line.frames
                if line.count and not self._done[line.id]:
                    self._counts[line.id], self._done[line.id] = line.count, min(0.99, line.frames / line.count)
            self._begun_s = self.clock()
            self._first = self._weight()
        self._say("begin", pid=os.getpid(), inputs=len(lines), workers=workers, states=self.view().inputs)

    def taken(self, step: Step, task: str, worker: str) -> None:
        """A worker began a step."""
        with self._lock:
            self._states[step.input] = "running"
            self._at_work += 1
        self._say("step", source=step.source, task=task, number=step.number, worker=worker)

    def wrote(self, step: Step, frames: int, whole: int = 0) -> None:
        """So many frames of a step were written; whole: how many its input has, 0 where that is not known."""
        with self._lock:
            self._frames += frames
            if whole:
                self._counts[step.input] = whole
            written = self._written[step.input] = self._written[step.input] + frames
            count = self._counts.get(step.input)
            if count:
                self._done[step.input] = min(0.99, written / count)

    def ended(self, step: Step, task: str, found: Outcome, state: State, told: int) -> None:
        """A step is done; told: frames of it that `wrote` was told of."""
        with self._lock:
            if found.shares:
                self._counts[step.input] = sum(len(share.own) for share in found.shares)
        self.wrote(step, found.frames - told)
        with self._lock:
            self._spent_s[step.input] += found.seconds
            self._leave(step, state)
        self._say(
            "done", source=step.source, task=task, number=step.number, frames=found.frames,
            seconds=round(found.seconds, 3), device=found.device, notes=list(found.notes), state=state,
            sha256=found.digest or None,
        )  # fmt: skip

    def failed(self, step: Step, task: str, reason: str, state: State, told: int) -> None:
        """A step failed; told: as in ended, these frames do not count."""
        with self._lock:
            self._frames -= told
            self._written[step.input] -= told
            self._tries += 1
            self._leave(step, state)
        self._say("failed", source=step.source, task=task, number=step.number, reason=reason, state=state)

    def end(self, how: str) -> None:
        """The run ends: "done" or "interrupted"."""
        view = self.view()
        self._say("end", how=how, states=view.inputs, frames=view.frames, seconds=round(view.seconds, 3))

    def view(self) -> View:
        """How it stands now."""
        with self._lock:
            seconds = self.clock() - self._begun_s
            inputs: dict[State, int] = {"done": 0, "failed": 0, "quarantined": 0, "running": 0, "pending": 0}
            for state in self._states.values():
                inputs[state] += 1
            slowest = heapq.nlargest(SLOWEST, ((spent, self._sources[id_]) for id_, spent in self._spent_s.items()))
            return View(
                inputs, self._frames, seconds, self._frames / seconds if seconds > 0 else 0.0, self._left_s(seconds),
                tuple(one for one in slowest if one[0] > 0), self._at_work, self._tries,
            )  # fmt: skip

    def _leave(self, step: Step, state: State) -> None:
        self._at_work -= 1
        self._states[step.input] = state
        if state not in ("pending", "running"):
            self._done[step.input] = 1.0

    def _weight(self) -> float:
        """Bytes of all inputs that are done, as far as they are."""
        return sum(self._weights[id_] * done for id_, done in self._done.items())

    def _left_s(self, seconds: float) -> float | None:
        done, whole = self._weight(), sum(self._weights.values())
        return (whole - done) * seconds / (done - self._first) if done > self._first else None

    def _say(self, event: str, **facts: Any) -> None:
        self.event({"event": event, "time_s": round(self.clock(), 3), **facts})
