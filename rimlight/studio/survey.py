"""A video looked through once: how many frames, where the shots begin, and its checksum.

A shot begins where `Frame.cut` says so, and where the picture changes all over and far more than in the frames before.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from rimlight.errors import SourceError
from rimlight.pixels import to_rgb
from rimlight.realtime.sources.file import FileSource
from rimlight.types import I420, FloatArray, Frame, Pixels, Size

LOOK = (36, 20)  # width and height at which neighbours are compared
JUMP = 12.0  # levels of 255, the least mean difference at a cut; neighbours had up to 4, scenes of others 9 to 38
SUDDEN = 4.0  # and how many times that of the frames before it must be
BEFORE = 6  # frames that are compared with
CHUNK = 2**22


@dataclass(frozen=True, slots=True)
class Survey:
    """size, rate and count of a video's frames; shots: the first frame of each, beginning with 0."""

    size: Size
    rate: Fraction
    count: int
    shots: tuple[int, ...]

    def shot(self, frame: int) -> range:
        """The frames of the shot that a frame belongs to."""
        number = bisect_right(self.shots, frame)
        return range(self.shots[number - 1], self.shots[number] if number < len(self.shots) else self.count)

    def each_shot(self) -> Iterator[range]:
        """All shots in order."""
        return (self.shot(first) for first in self.shots)


def survey(path: Path, seen: Callable[[Frame], None] = lambda _: None) -> Survey:
    """Look through a video; seen is called with every frame. Raises SourceError, also where its size changes."""
    shots: list[int] = []
    count = 0
    changes = Changes()
    with FileSource(path) as source:
        size, rate = source.size, source.rate
        for index, frame in enumerate(source):
            if frame.size != size:
                raise SourceError(f"{path} changes its size from {size} to {frame.size}; cut it there and take a part")
            if changes.sudden(frame.pixels) or frame.cut:
                shots.append(index)
            count = index + 1
            seen(frame)
    return Survey(size, rate, count, tuple(shots))


class Changes:
    """Compares each frame with the one before."""

    def __init__(self) -> None:
        self._last: FloatArray | None = None
        self._usual: deque[float] = deque(maxlen=BEFORE)

    def sudden(self, pixels: Pixels) -> bool:
        """Whether the next frame shows something else than the last; not for the first two, nor just after a cut."""
        look, last = _look(pixels), self._last
        self._last = look
        if last is None:
            return False
        change = float(np.abs(look - last).mean())
        usual = sorted(self._usual)[len(self._usual) // 2] if self._usual else change
        if change >= JUMP and change >= SUDDEN * usual:
            self._usual.clear()
            return True
        self._usual.append(change)
        return False


def checksum(path: Path) -> str:
    """SHA-256 of a file; raises SourceError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}; check the path") from error
    return digest.hexdigest()


def _look(pixels: Pixels) -> FloatArray:
    """A few pixels of the picture: luma and colour planes where there are planes, else RGB."""
    planes = (pixels.y, pixels.u, pixels.v) if isinstance(pixels, I420) else (to_rgb(pixels),)
    return np.concatenate(
        [cv2.resize(plane, LOOK, interpolation=cv2.INTER_AREA).reshape(-1) for plane in planes]
    ).astype(np.float32)
