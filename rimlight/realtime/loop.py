"""The frame loop: source to matter to painter to sink, each in a thread of its own, with bounded queues between.

Live sources are read by the matter's thread itself, so that it always takes the newest frame; files get a reading
thread that works ahead. Errors travel with the data; every wait has a timeout, that for the threads' end too.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rimlight.realtime.governor import Governor
from rimlight.realtime.matted import Seen
from rimlight.realtime.session import Matter, Painter
from rimlight.realtime.sinks.base import Sink
from rimlight.realtime.sources.base import Source
from rimlight.realtime.stats import Stats
from rimlight.types import Frame

Item = TypeVar("Item")
WAIT_S = 0.1  # how often a waiting thread looks whether it should stop
DEPTH = 1  # items between stages; with one in work on either side that makes three, IN_FLIGHT allows four
JOIN_S = 2.0  # a stage in the middle of its work may take this long to end


@dataclass(frozen=True, slots=True)
class Failed:
    """An error on its way to the loop."""

    error: BaseException


class End:
    """The last item of a line."""


class Line(Generic[Item]):
    """A bounded queue whose ends can both be told to stop."""

    def __init__(self, name: str, depth: int, stop: threading.Event, stats: Stats) -> None:
        self._queue: queue.Queue[Item | Failed | End] = queue.Queue(depth)
        self._name, self._stop, self._stats = name, stop, stats

    def put(self, item: Item | Failed | End) -> bool:
        """Wait for room; False when the loop stops."""
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=WAIT_S)
            except queue.Full:
                continue
            self._stats.depth(self._name, self._queue.qsize())
            return True
        return False

    def __iter__(self) -> Iterator[Item]:
        """Items until the end or the stop; raises the error that travels on the line."""
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=WAIT_S)
            except queue.Empty:
                continue
            if isinstance(item, End):
                return
            if isinstance(item, Failed):
                raise item.error
            yield item


def run(
    source: Source, matter: Matter, painter: Painter, sink: Sink, stats: Stats,
    written: Callable[[Frame], None] = lambda _: None, governor: Governor | None = None,
) -> None:  # fmt: skip
    """Move every frame of the source to the sink; returns at its end, raises the first error of any stage.

    written is called in the caller's thread after each frame. governor: chooses among the frames of a live source.
    KeyboardInterrupt stops all threads and goes on to the caller, who closes the sink.
    """
    stop = threading.Event()
    painted: Line[Frame] = Line("painted", DEPTH, stop, stats)
    matted: Line[Sequence[Seen]] = Line("matted", DEPTH, stop, stats)
    stages: list[Callable[[], None]] = []
    if source.live:
        newest = _read(source, stats)
        groups: Iterator[list[Frame]] = ([frame] for frame in (governor.admitted(newest) if governor else newest))
    else:
        read: Line[list[Frame]] = Line("read", DEPTH, stop, stats)
        stages.append(lambda: _feed(_grouped(_read(source, stats), matter.settings.batch), read))
        groups = iter(read)
    stages.append(lambda: _feed(_matted(groups, matter, stats), matted))
    stages.append(lambda: _feed(_painted(iter(matted), painter, stats), painted))
    threads = [threading.Thread(target=stage, name="rimlight-stage", daemon=True) for stage in stages]
    try:
        for thread in threads:
            thread.start()
        for frame in painted:
            with stats.timed("write"):
                sink.write(frame)
            stats.count("out")
            stats.sample("latency", time.perf_counter() - frame.captured_s)
            written(frame)
    finally:
        stop.set()
        _join(threads)


def _join(threads: list[threading.Thread]) -> None:
    """Let the stages end, so that nobody frees what they use; one that waits for a camera is left behind."""
    due_s = time.perf_counter() + JOIN_S
    for thread in threads:
        if thread.ident is not None:  # an interrupt may come before all are started
            thread.join(max(0.0, due_s - time.perf_counter()))


def _feed(items: Iterator[Item], line: Line[Item]) -> None:
    """Move items to a line; an error becomes its last item. The edge of a thread."""
    try:
        for item in items:
            if not line.put(item):
                return
    except BaseException as error:  # noqa: BLE001 - handed on to the loop, which raises it
        line.put(Failed(error))
        return
    line.put(End())


def _read(source: Source, stats: Stats) -> Iterator[Frame]:
    frames = iter(source)
    while True:
        with stats.timed("read"):
            frame = next(frames, None)
        if frame is None:
            return
        stats.count("in")
        yield frame


def _grouped(frames: Iterator[Frame], most: int) -> Iterator[list[Frame]]:
    """Groups of consecutive frames of one size: either most at a time or, before a new size and the end, one by one.

    One group is one call of the backend then, and no more calls are in flight than its ring keeps results of.
    """
    group: list[Frame] = []
    for frame in frames:
        if group and frame.size != group[0].size:
            yield from ([one] for one in group)
            group = []
        group.append(frame)
        if len(group) == most:
            yield group
            group = []
    yield from ([one] for one in group)


def _matted(groups: Iterator[list[Frame]], matter: Matter, stats: Stats) -> Iterator[Sequence[Seen]]:
    for group in groups:
        with stats.timed("matte"):
            found = matter.matte(group)
        yield found


def _painted(groups: Iterator[Sequence[Seen]], painter: Painter, stats: Stats) -> Iterator[Frame]:
    for group in groups:
        for seen in group:
            with stats.timed("paint"):
                frame = painter.paint(seen)
            yield frame
