"""Frames of a video by number: one after the other without decoding any twice, and any other from its keyframe."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rimlight.errors import SourceError
from rimlight.realtime.sources.file import FileSource
from rimlight.types import Frame

KEPT = 4  # frames at least, for who goes back a step
NEAR = 24  # frames ahead that are decoded on the way rather than sought


class Reel:
    """Gives frames by number; a context manager that closes the file.

    count: frames of the video. kept: frames that stay at hand. decoded: frames that were decoded so far.
    Frames are as FileSource gives them, except for `cut`, which is of no meaning here.
    """

    def __init__(self, path: Path, count: int, kept: int = KEPT) -> None:
        self._path, self._count, self._most = path, count, kept
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._source: FileSource | None = None
        self._frames: Iterator[Frame] = iter(())
        self._next = 0
        self.decoded = 0

    def frame(self, number: int) -> Frame:
        """The frame of that number; raises SourceError for one that is not there."""
        if not 0 <= number < self._count:
            raise SourceError(
                f"{self._path.name} has the frames 0 to {self._count - 1}, not {number}; give one of them"
            )
        if number not in self._kept:
            self._read(number)
        self._kept.move_to_end(number)
        return self._kept[number]

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source, self._frames = None, iter(())
        self._kept.clear()

    def __enter__(self) -> Reel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, number: int) -> None:
        if self._source is None or not self._next <= number <= self._next + NEAR:
            self._seek(number)
        for frame in islice(self._frames, number - self._next + 1):
            self._kept[self._next] = frame
            self._next += 1
            self.decoded += 1
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        if self._next != number + 1:
            raise SourceError(f"frame {number} of {self._path.name} could not be decoded; copy or convert the video")

    def _seek(self, number: int) -> None:
        if self._source is not None:
            self._source.close()
        self._source = FileSource(self._path, frames=range(number, self._count))
        self._frames, self._next = iter(self._source), number
