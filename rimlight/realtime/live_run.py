"""A live stream from its sink's opening to its end by a signal, by the receiver, or by an error of the sink."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial

from rimlight.realtime.demand import Watcher
from rimlight.realtime.live import Live
from rimlight.realtime.signals import ended_by_signals
from rimlight.realtime.sinks import Alpha, open_sink
from rimlight.realtime.sinks.base import ReceiverGoneError, Sink, StreamInfo
from rimlight.realtime.sinks.virtualcam import VirtualCamSink
from rimlight.realtime.sources.base import Source
from rimlight.realtime.stats import Stats
from rimlight.types import Frame

SECOND_S = 1.0


class Reopening:
    """Opens a source again and again; the first time gives the one that is open already, if there is one."""

    def __init__(self, first: Source | None, again: Callable[[], Source]) -> None:
        self._first = [] if first is None else [first]
        self._again = again

    def __call__(self) -> Source:
        """An open source; raises SourceError."""
        with suppress(IndexError):
            return self._first.pop()
        return self._again()

    def close(self) -> None:
        """Free the first one if nobody took it."""
        while self._first:
            self._first.pop().close()


def run_live(
    live: Live, sink: str, info: StreamInfo, *, alpha: Alpha = True, each_second: Callable[[], None] = lambda: None,
    watch: Callable[[bool], None] | None = None, written: Callable[[Frame], None] = lambda _: None,
) -> None:  # fmt: skip
    """Feed the sink of that name until SIGTERM, SIGINT, or a receiver that wants no more; the sink is closed then.

    info: size and rate of what leaves. alpha: how a transparent backdrop is written: as the sink's kind does it, or
    "side-by-side". each_second: called between two frames about once a second, in this thread. watch: told whether
    anybody looks at a virtual camera, live.watch if None. written: called after every frame, in this thread.
    Raises RimlightError where the sink breaks, KeyboardInterrupt after a SIGINT. A receiver that does not take a frame
    for some seconds after the signal is broken off. Outside of the main thread signals are left alone.
    """
    stop = threading.Event()
    pulse = Pulse(live.stats, each_second)

    def after(frame: Frame) -> None:
        pulse(frame)
        written(frame)

    opening = partial(open_sink, sink, info, alpha=live.transparent and alpha)
    with ended_by_signals(stop) as ending, suppress(ReceiverGoneError), opening() as opened:
        with _watched(opened, watch or live.watch):
            live.run(opened, stop, after)
        ending.stopped()
        if ending.by == signal.SIGINT:
            raise KeyboardInterrupt


def _watched(sink: Sink, watch: Callable[[bool], None]) -> AbstractContextManager[object]:
    """The camera on demand, where it can be known who looks."""
    return Watcher(sink.device, watch) if isinstance(sink, VirtualCamSink) else nullcontext()


class Pulse:
    """Called with every written frame; about once a second notes the level "fps" and calls what is to be done."""

    def __init__(
        self, stats: Stats, each_second: Callable[[], None], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._stats, self._each_second, self._clock = stats, each_second, clock
        self._since_s = clock()
        self._frames = 0

    def __call__(self, _: Frame) -> None:
        """One frame more was written."""
        self._frames += 1
        passed_s = self._clock() - self._since_s
        if passed_s >= SECOND_S:
            self._stats.level("fps", self._frames / passed_s)
            self._since_s, self._frames = self._clock(), 0
            self._each_second()
