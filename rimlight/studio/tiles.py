"""A picture in overlapping tiles, and one picture of the tiles again, without seams.

Every tile has a weight for each of its pixels, which falls off towards edges that it shares; over the picture the
weights of all tiles sum to one. Letters: H, W size of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rimlight.studio.networks import STRIDE
from rimlight.types import FloatArray, Size, UInt8Array

WHOLE = 768 * 768  # pixels up to which a picture is one tile
SIDE = 480  # of a tile, about; training crops have 320
OVERLAP = 64  # pixels that neighbours share, at least


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of the picture: rows and columns of the padded picture, and the weight of each pixel."""

    rows: slice
    columns: slice
    weight: FloatArray

    @property
    def at(self) -> tuple[slice, slice]:
        return self.rows, self.columns


@dataclass(frozen=True, slots=True)
class Tiling:
    """How pictures of one size are cut. padded: the size with both sides filled up to what tiles need."""

    size: Size
    padded: Size
    tiles: tuple[Tile, ...]

    def pad(self, picture: UInt8Array) -> UInt8Array:
        """The picture (H, W) or (H, W, C) at the padded size, its last rows and columns mirrored."""
        down, right = self.padded.height - self.size.height, self.padded.width - self.size.width
        if not down and not right:
            return picture
        return np.asarray(cv2.copyMakeBorder(picture, 0, down, 0, right, cv2.BORDER_REFLECT), np.uint8)

    def crop(self, picture: FloatArray) -> FloatArray:
        """The part of a padded picture that was there before."""
        return picture[: self.size.height, : self.size.width]


def tiling_of(size: Size, *, whole: int = WHOLE, side: int = SIDE, overlap: int = OVERLAP) -> Tiling:
    """Tiles of about side pixels that share overlap; one tile where the picture has at most whole pixels."""
    if size.height * size.width <= whole:
        padded = Size(_up(size.height), _up(size.width))
        weight = np.ones((padded.height, padded.width), np.float32)
        return Tiling(size, padded, (Tile(slice(0, padded.height), slice(0, padded.width), weight),))
    rows, columns = _spans(size.height, side, overlap), _spans(size.width, side, overlap)
    padded = Size(rows[-1].stop, columns[-1].stop)
    down, across = _weights(rows), _weights(columns)
    tiles = tuple(
        Tile(row, column, np.outer(high, wide).astype(np.float32))
        for row, high in zip(rows, down, strict=True)
        for column, wide in zip(columns, across, strict=True)
    )
    return Tiling(size, padded, tiles)


def _up(length: int) -> int:
    return -(-length // STRIDE) * STRIDE


def _spans(length: int, side: int, overlap: int) -> list[slice]:
    """Evenly spread parts of one length, a multiple of STRIDE, that cover length and share at least overlap."""
    count = max(1, -(-(length - overlap) // (side - overlap)))
    part = _up(-(-(length + (count - 1) * overlap) // count))
    last = max(0, length - part)
    starts = [round(last * index / max(1, count - 1)) for index in range(count)]
    return [slice(start, start + part) for start in starts]


def _weights(spans: list[slice]) -> list[FloatArray]:
    """Of each part's pixels along one side: a ramp over what it shares with a neighbour, and all together one."""
    raised = []
    for index, span in enumerate(spans):
        place = np.arange(span.start, span.stop) + 0.5
        weight = np.ones(len(place))
        if index > 0:
            shared = spans[index - 1].stop - span.start
            weight = np.minimum(weight, (place - span.start) / shared)
        if index + 1 < len(spans):
            shared = span.stop - spans[index + 1].start
            weight = np.minimum(weight, (span.stop - place) / shared)
        raised.append(weight)
    total = np.zeros(spans[-1].stop)
    for span, weight in zip(spans, raised, strict=True):
        total[span] += weight
    return [(weight / total[span]).astype(np.float32) for span, weight in zip(spans, raised, strict=True)]
