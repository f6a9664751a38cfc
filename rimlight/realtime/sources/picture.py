"""A still picture as a stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from rimlight.errors import FrameError, SourceError
from rimlight.pixels import read_picture
from rimlight.realtime.sources.base import Closes
from rimlight.types import Frame, Size, UInt8Array

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
USUAL_RATE = Fraction(30)


class PictureSource(Closes):
    """A picture file, count times over; turned by its EXIF orientation, without its alpha, (H, W, 3) RGB.

    Raises SourceError where the file is missing or no picture.
    """

    live = False

    def __init__(self, path: str | Path, *, count: int = 1, rate: Fraction = USUAL_RATE) -> None:
        if count < 1 or rate <= 0:
            raise SourceError(f"expected a count and a rate above 0, got {count} and {rate}")
        self.count = count
        self.rate = rate
        self._image = _read(Path(path))
        self.size = Size(*self._image.shape[:2])
        self._next = 0

    def __iter__(self) -> Iterator[Frame]:
        while self._next < self.count:
            index, self._next = self._next, self._next + 1
            yield Frame(self._image, float(index / self.rate), time.perf_counter(), cut=index == 0)

    def close(self) -> None:
        self._next = self.count


def from_spec(path: str, size: Size | None = None, rate: Fraction | None = None) -> PictureSource:
    """Open a picture for the registry; raises SourceError where a size is asked for."""
    if size is not None:
        raise SourceError(f"{path} is a picture and keeps its own size; leave out the size")
    return PictureSource(path, rate=rate or USUAL_RATE)


def _read(path: Path) -> UInt8Array:
    try:
        return read_picture(path.read_bytes(), str(path))
    except FileNotFoundError as error:
        raise SourceError(f"no file {path}; check the path") from error
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}; give a picture file") from error
    except FrameError as error:
        raise SourceError(str(error)) from error
