"""Sources that only benchmarks need: a file without end, and frames that come at their own pace as from a camera."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

from rimlight.pixels import size_of
from rimlight.realtime.sources.base import Closes
from rimlight.realtime.sources.file import FileSource
from rimlight.types import Frame, Pixels


class Looped(Closes):
    """A video file again and again, opened anew each round, until `done` says so; times go on from round to round.

    Raises SourceError if the file is no video.
    """

    live = False
    count = None

    def __init__(self, path: Path, done: Callable[[], bool]) -> None:
        self._path, self._done = path, done
        with FileSource(path) as source:
            self.size, self.rate = source.size, source.rate

    def __iter__(self) -> Iterator[Frame]:
        start_s = 0.0
        while not self._done():
            with FileSource(self._path) as source:
                for frame in source:
                    if self._done():
                        return
                    last_s = start_s + frame.pts_s
                    yield replace(frame, pts_s=last_s)
            start_s = last_s + float(1 / self.rate)


class Limited(Closes):
    """The first frames of a video file."""

    live = False

    def __init__(self, path: Path, most: int) -> None:
        self._source = FileSource(path)
        self._most = most
        self.size, self.rate = self._source.size, self._source.rate
        self.count = most

    def __iter__(self) -> Iterator[Frame]:
        return islice(iter(self._source), self._most)

    def close(self) -> None:
        self._source.close()


class Paced(Closes):
    """Pictures in memory, over and over, one due every 1/rate seconds, as a camera gives them: live, newest first.

    captured_s is when a frame was due, so that the time it waits for the loop counts as latency. A loop that is late
    gets the newest frame that is due, and never sees the others.
    """

    live = True

    def __init__(
        self, pictures: Sequence[Pixels], rate: Fraction, count: int, pause: Callable[[float], object] = time.sleep
    ) -> None:
        self._pictures, self._pause = pictures, pause
        self.size = size_of(pictures[0])
        self.rate, self.count = rate, count

    def __iter__(self) -> Iterator[Frame]:
        interval_s = float(1 / self.rate)
        start_s = time.perf_counter()
        index = 0
        while index < self.count:
            due_s = start_s + index * interval_s
            self._pause(max(0.0, due_s - time.perf_counter()))
            picture = self._pictures[index % len(self._pictures)]
            yield Frame(picture, index * interval_s, due_s, cut=index == 0)
            newest = int((time.perf_counter() - start_s) / interval_s)
            index = max(index + 1, newest)
