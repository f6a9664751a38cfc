"""Finished frames as the pictures that encoders take.

Letters: H, W height and width of a frame.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from rimlight.pixels import to_i420
from rimlight.realtime.sinks.base import channels_of
from rimlight.types import Pixels, Size, UInt8Array

BT709 = 1  # of ITU-T H.273: primaries, transfer and matrix alike


class Packer(Protocol):
    """Makes an encoder's picture of a frame's pixels, without keeping them.

    size: of the picture. The picture is valid until the next call; an encoder that keeps it longer holds a reference
    to its memory, which is then left to it.
    """

    @property
    def size(self) -> Size: ...

    def __call__(self, pixels: Pixels) -> VideoFrame: ...


class PackPlanes:
    """4:2:0 planes, BT.709 limited range; a side of odd length is made even by repeating its last row or column."""

    def __init__(self, size: Size) -> None:
        self.size = Size(size.height + size.height % 2, size.width + size.width % 2)
        self._picture = VideoFrame(self.size.width, self.size.height, "yuv420p")

    def __call__(self, pixels: Pixels) -> VideoFrame:
        planes = to_i420(pixels)
        self._picture.make_writable()
        for plane, source in zip(self._picture.planes, (planes.y, planes.u, planes.v), strict=True):
            _fill(memory(plane), source)
        return self._picture


class PackPlanesAlpha:
    """(H, W, 4) as 4:2:0 planes, BT.709 limited range, and alpha as it is."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._picture = VideoFrame(size.width, size.height, "yuva420p")

    def __call__(self, pixels: Pixels) -> VideoFrame:
        image = channels_of(pixels, 4)
        planes = to_i420(image)
        self._picture.make_writable()
        for plane, source in zip(self._picture.planes, (planes.y, planes.u, planes.v, image[:, :, 3]), strict=True):
            memory(plane)[:] = source
        return self._picture


class PackBeside:
    """(H, W, 4) as planes of double width: the fill on the left, the matte in grey on the right."""

    def __init__(self, size: Size) -> None:
        self._both: UInt8Array = np.empty((size.height, 2 * size.width, 3), np.uint8)
        self._width = size.width
        self._planes = PackPlanes(Size(size.height, 2 * size.width))
        self.size = self._planes.size

    def __call__(self, pixels: Pixels) -> VideoFrame:
        image = channels_of(pixels, 4)
        self._both[:, : self._width] = image[:, :, :3]
        self._both[:, self._width :] = image[:, :, 3:]
        return self._planes(self._both)


class PackBgra:
    """(H, W, 4) with its channels in the order of FFV1, nothing else changed."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._picture = VideoFrame(size.width, size.height, "bgra")

    def __call__(self, pixels: Pixels) -> VideoFrame:
        self._picture.make_writable()
        cv2.cvtColor(channels_of(pixels, 4), cv2.COLOR_RGBA2BGRA, dst=memory(self._picture.planes[0], channels=4))
        return self._picture


class PackYuva444:
    """(H, W, 4) as ten-bit BT.709 limited-range planes with full chroma and alpha, as ProRes 4444 takes it."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self._converter = VideoReformatter()

    def __call__(self, pixels: Pixels) -> VideoFrame:
        image = VideoFrame.from_numpy_buffer(np.ascontiguousarray(channels_of(pixels, 4)), "rgba")
        picture = self._converter.reformat(
            image, format="yuva444p10le", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )  # fmt: skip
        picture.color_primaries = picture.color_trc = BT709  # ProRes takes its tags from here
        return picture


def memory(plane: VideoPlane, channels: int = 1) -> UInt8Array:
    """(H, W) or (H, W, channels) of a plane's memory, to write to."""
    rows: UInt8Array = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    rows = rows[:, : plane.width * channels]
    return rows if channels == 1 else rows.reshape(plane.height, plane.width, channels)


def _fill(target: UInt8Array, source: UInt8Array) -> None:
    height, width = source.shape
    target[:height, :width] = source
    target[:height, width:] = source[:, -1:]
    target[height:] = target[height - 1]
