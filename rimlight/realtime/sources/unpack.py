"""One decoded picture as pixels: planes without a copy where the decoder gives 4:2:0, RGB otherwise.

Letters: H, W height and width of a picture.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter

from rimlight.types import I420, Pixels, UInt8Array

PLANAR = frozenset({"yuv420p", "yuvj420p"})
EXACT = 2 | 0x2000 | 0x40000  # SWS_BILINEAR, FULL_CHR_H_INT, ACCURATE_RND, not named before PyAV 18; else off by 3
HD_HEIGHT = 720  # untagged video of at least this height is BT.709, below it BT.601: what players assume

# ITU-T H.273 numbers, as FFmpeg uses them.
MATRIX_BT709 = 1
MATRICES_BT601 = (5, 6)
MATRICES_UNSPECIFIED = (0, 2)
RANGE_FULL = 2


Turns: TypeAlias = "dict[int, tuple[int, int, int, int] | None]"


class Unpacker:
    """Turns decoded pictures into pixels; keeps the converter of the less common formats between calls.

    turns: the display matrices of the file, by rotation, as turns_of gives them.
    """

    def __init__(self, turns: Turns) -> None:
        self._converter = VideoReformatter()
        self._turns = turns

    def __call__(self, picture: VideoFrame) -> Pixels:
        """I420 planes or (H, W, 3) RGB, turned upright by the display matrix.

        Planes and pictures that need no turning are read-only views of the decoder's memory: the decoder still predicts
        from it. They keep it alive for as long as they live.
        """
        turn = self._display_matrix(picture)
        matrix = _matrix(picture)
        if picture.format.name in PLANAR and matrix in (MATRIX_BT709, *MATRICES_BT601):
            full_range = picture.format.name == "yuvj420p" or picture.color_range == RANGE_FULL
            y, u, v = (upright(view(plane), turn) for plane in picture.planes)
            return I420(y, u, v, bt709=matrix == MATRIX_BT709, full_range=full_range)
        rgb = self._converter.reformat(picture, format="rgb24", src_colorspace=matrix, interpolation=EXACT)
        return upright(view(rgb.planes[0], channels=3), turn)

    def _display_matrix(self, picture: VideoFrame) -> tuple[int, int, int, int] | None:
        # Asking a picture for its side data makes it outlive its use until the garbage collector comes, which in 4K is
        # gigabytes: so only once for every rotation of a file, however often the file is opened.
        if picture.rotation not in self._turns:
            self._turns[picture.rotation] = display_matrix(picture)
        return self._turns[picture.rotation]


@lru_cache(maxsize=64)
def turns_of(path: str, modified_ns: int, size: int) -> Turns:  # noqa: ARG001 - they tell files of one name apart
    """Display matrices by rotation, filled as they are met; one and the same for a file that did not change."""
    return {}


def view(plane: VideoPlane, channels: int = 1) -> UInt8Array:
    """Read-only (H, W) or (H, W, channels) of a plane, padding at the ends of its rows left out."""
    rows: UInt8Array = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, abs(plane.line_size))
    rows = rows[:: 1 if plane.line_size > 0 else -1, : plane.width * channels]
    rows.flags.writeable = False
    return rows if channels == 1 else rows.reshape(plane.height, plane.width, channels)


def display_matrix(picture: VideoFrame) -> tuple[int, int, int, int] | None:
    """(a, b, c, d) of x' = a*x + c*y, y' = b*x + d*y, or None where the picture is upright."""
    data = picture.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    a, b, _, c, d = struct.unpack_from("=5i", bytes(data))  # type: ignore[call-overload]
    return a, b, c, d


def upright(plane: UInt8Array, turn: tuple[int, int, int, int] | None) -> UInt8Array:
    """The plane turned in quarters and mirrored as the display matrix says; the plane itself where nothing is to do."""
    if turn is None:
        return plane
    a, b, c, d = turn
    swaps = abs(b) > abs(a)
    rows, columns = (b, c) if swaps else (d, a)
    if not swaps and rows > 0 and columns > 0:
        return plane
    plane = plane.swapaxes(0, 1) if swaps else plane
    turned: UInt8Array = np.ascontiguousarray(plane[:: 1 if rows > 0 else -1, :: 1 if columns > 0 else -1])
    return turned


def _matrix(picture: VideoFrame) -> int:
    if picture.colorspace not in MATRICES_UNSPECIFIED:
        return picture.colorspace
    return MATRIX_BT709 if picture.height >= HD_HEIGHT else MATRICES_BT601[0]
