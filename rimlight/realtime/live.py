"""A live stream that never breaks its promise: workers make finished pictures, the guard decides what leaves.

`Live.run` is the only place where frames leave. Before every write the safety machine is asked; what is written is the
newest finished picture or the cover, and nothing else can be: raw frames never come to this side.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from rimlight.errors import BackdropError
from rimlight.pixels import to_i420
from rimlight.realtime import safety
from rimlight.realtime.backdrops import Backdrop, open_backdrop
from rimlight.realtime.governor import Budget
from rimlight.realtime.matted import Seen
from rimlight.realtime.safety import Limits, Safety, State
from rimlight.realtime.session import Settings, empty_pixels
from rimlight.realtime.sinks.base import PixelFormat, Sink
from rimlight.realtime.sources.base import Source
from rimlight.realtime.stats import Snapshot, Stats
from rimlight.realtime.worker import Plan, Worker
from rimlight.signature import internal_size
from rimlight.types import Frame, Pixels, Size, UInt8Array

RETRY_S = 1.0  # between a fault and the next try to open camera and backend
HANG_S = 10.0  # a worker that did nothing for so long is abandoned; opening a camera or backend takes less
FIRST_FACTOR = 6  # before its first picture it may take so many times longer: kernels are compiled on a fresh machine
MOST_ABANDONED = 3  # abandoned workers that still hang; with more, nothing new is tried until one ends
STOP_S = 2.0
PATIENCE = 1.5  # ticks before a picture is repeated; with less, one that comes a little late would be written besides


@dataclass(frozen=True, slots=True)
class Status:
    """What a live stream does, for people and for `rimlight ctl status`."""

    state: State
    reason: str
    backdrop: str
    mirror: bool
    paused: bool
    watched: bool
    device: str
    stats: Snapshot
    settings: Settings
    budget: Budget | None


class Live:
    """Keeps one sink fed at a steady rate; controlled from other threads while `run` runs."""

    def __init__(
        self, open_source: Callable[[], Source], settings: Settings, size: Size, rate: Fraction, *,
        limits: Limits | None = None, mirror: bool = False, budget: Budget | None = None,
        hang_s: float = HANG_S, retry_s: float = RETRY_S, stats: Stats | None = None,
        observe: Callable[[Seen], None] | None = None,
    ) -> None:  # fmt: skip
        self.stats = stats or Stats()
        self._open_source, self._settings = open_source, settings
        self._backdrop, self._behind = opened_twice(settings.backdrop)
        self._size, self._rate, self._mirror, self._budget = size, rate, mirror, budget
        self._limits, self._hang_s, self._retry_s = limits or Limits(), hang_s, retry_s
        self.observe = observe  # called with what the network says of every frame; to be set before run
        self._safety = Safety()
        self._watched = True
        self._lock = threading.Lock()  # guards all of the above that control changes
        self._worker: Worker | None = None
        self._abandoned: list[Worker] = []
        self._cover: tuple[UInt8Array, Pixels] | None = None
        self._begin_s = 0.0
        self._device = ""  # of the last worker, once it ended
        self._wants: PixelFormat | None = None  # what the sink takes, once there is one

    def run(self, sink: Sink, stop: threading.Event, written: Callable[[Frame], None] = lambda _: None) -> None:
        """Write a picture for every tick of the rate, or as soon as one is finished, until stop is set.

        Raises what the sink raises; every other fault shows the cover and is tried again.
        """
        self._begin_s = time.perf_counter()
        self._wants = sink.wants
        self._spare = empty_pixels(self._size, sink.wants)
        try:
            while not stop.is_set():
                frame = self._next(sink)
                with self.stats.timed("write"):
                    sink.write(frame)
                self.stats.count("out")
                self.stats.count(f"out_{self._safety.state.value}")
                written(frame)
        finally:
            self._end_worker(STOP_S)

    @property
    def transparent(self) -> bool:
        """Whether there is no backdrop, so that output carries alpha."""
        return self._backdrop.transparent

    def apply(self, **changes: Any) -> None:
        """Change settings of the running stream: fields of Settings, `mirror`, or `budget`.

        A new backdrop is opened here, in the caller's thread: if that fails, the error is the caller's and the old one
        stays. Raises RimlightError, or TypeError for a field that there is not.
        """
        mirror, budget = changes.pop("mirror", self._mirror), changes.pop("budget", self._budget)
        settings = replace(self._settings, **changes)
        internal_size(self._size, settings.long_side)  # raises where no network could see the picture so
        backdrops = (self._backdrop, self._behind)
        if settings.backdrop != self._settings.backdrop:
            backdrops = opened_twice(settings.backdrop)
            if backdrops[0].transparent and self._wants not in (None, "rgba"):
                raise BackdropError("what is written to carries no alpha, so the backdrop cannot become transparent")
        with self._lock:
            self._settings, self._mirror, self._budget = settings, mirror, budget
            self._backdrop, self._behind = backdrops
            self._cover = None
            if self._worker is not None:
                self._worker.plan = self._plan(self._worker.plan)

    def pause(self, on: bool) -> None:
        """Cover the camera, or lift the cover."""
        with self._lock:
            self._safety = safety.paused(self._safety, on)

    def watch(self, on: bool) -> None:
        """Whether somebody looks at the output; while nobody does, the camera is closed and the cover shown."""
        with self._lock:
            self._watched = on

    def status(self) -> Status:
        """A snapshot for people."""
        shot = self.stats.snapshot()
        with self._lock:
            device = (self._worker.device if self._worker else "") or self._device
            return Status(
                self._safety.state, self._safety.reason, self._settings.backdrop, self._mirror, self._safety.paused,
                self._watched, device, shot, self._settings, self._budget,
            )  # fmt: skip

    def _next(self, sink: Sink) -> Frame:
        """Wait for a finished picture, at most one tick, and let the safety machine say what is shown."""
        worker = self._tended(sink)
        tick_s = float(1 / self._rate)
        patience = PATIENCE if self._safety.state is State.LIVE else 1.0
        stamp_s = worker.finished.take(tick_s * patience) if worker else None
        if worker is None:
            time.sleep(tick_s)  # the one place that sleeps: nothing is to be waited for
        with self._lock:
            now_s = time.perf_counter()
            if worker is not None and stamp_s is not None:
                self._safety = safety.finished(self._safety, stamp_s, now_s, self._limits)
            self._safety = safety.at(self._safety, now_s, self._limits)
            captured_s = self._safety.captured_s
            if worker is None or self._safety.state is State.COVER or captured_s is None:
                return Frame(self._covered(now_s, sink), now_s - self._begin_s, now_s)
        self.stats.sample("latency", now_s - captured_s)
        return Frame(worker.finished.front, now_s - self._begin_s, captured_s)

    def _tended(self, sink: Sink) -> Worker | None:
        """The worker: begun when somebody watches, ended when nobody does, replaced when it hangs."""
        with self._lock:
            watched, worker = self._watched, self._worker
        if not watched:
            if worker is not None:
                self._end_worker(0.0)
                self._broke("nobody watches; the camera is off")
            return None
        self._abandoned = [left for left in self._abandoned if left.alive]
        patience_s = self._hang_s * (1 if worker is None or worker.device else FIRST_FACTOR)
        if worker is not None and time.perf_counter() - worker.beat_s > patience_s:
            self._broke("camera or network hang")
            self._end_worker(0.0)
            worker = None
        if worker is None and len(self._abandoned) <= MOST_ABANDONED:
            with self._lock:  # it may fail before it has its place here, and would not be heard
                worker = self._worker = Worker(self._plan(None, sink), self.stats, self._failed)
        return worker

    def _failed(self, worker: Worker, reason: str) -> None:
        """A worker reports a fault; one that was replaced has nothing to say."""
        with self._lock:
            if worker is self._worker:
                worker.finished.discard()
                self._safety = safety.fault(self._safety, reason)

    def _broke(self, reason: str) -> None:
        with self._lock:
            self._safety = safety.fault(self._safety, reason)

    def _plan(self, before: Plan | None, sink: Sink | None = None) -> Plan:
        if before is not None:
            return replace(
                before, settings=self._settings, backdrop=self._behind, mirror=self._mirror, budget=self._budget
            )
        assert sink is not None
        return Plan(
            self._open_source,
            self._settings,
            self._behind,
            self._size,
            sink.wants,
            self._mirror,
            self._budget,
            self._retry_s,
            self.observe,
        )

    def _end_worker(self, timeout_s: float) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            self._device = worker.device
            worker.stop(timeout_s)
            if worker.alive:
                self._abandoned.append(worker)

    def _covered(self, now_s: float, sink: Sink) -> Pixels:
        """The cover in the sink's pixels, converted once as long as it is the same picture."""
        picture = self._backdrop.cover(self._size, now_s - self._begin_s)
        if self._cover is None or self._cover[0] is not picture:
            converted: Pixels = to_i420(picture) if sink.wants == "i420" else picture
            if sink.wants == "rgba":
                converted = self._spare
                converted[:, :, :3] = picture  # type: ignore[index]
                converted[:, :, 3] = 0 if self._backdrop.transparent else 255  # type: ignore[index]
            self._cover = (picture, converted)
        return self._cover[1]


def opened_twice(spec: str) -> tuple[Backdrop, Backdrop]:
    """Two of the same backdrop: the worker paints with one while the cover is made from the other."""
    return open_backdrop(spec, freeze=True), open_backdrop(spec, freeze=True)
