"""The values that cross module borders: sizes, pictures, frames, mattes and the output of one network step.

Letters: H, W full-resolution height and width; h, w internal height and width; T frames.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rimlight.errors import FrameError

UInt8Array: TypeAlias = npt.NDArray[np.uint8]
FloatArray: TypeAlias = npt.NDArray[np.float32]

MAX_SIDE = 16384  # larger than any codec's frame; guards against a damaged header asking for gigabytes


@dataclass(frozen=True, slots=True)
class Size:
    """Height and width in pixels, always in that order.

    Raises FrameError if a side is below 1 or above MAX_SIDE.
    """

    height: int
    width: int

    def __post_init__(self) -> None:
        if not (1 <= self.height <= MAX_SIDE and 1 <= self.width <= MAX_SIDE):
            raise FrameError(
                f"expected sides of 1 to {MAX_SIDE} pixels, got {self}; scale the picture before it comes here"
            )

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def parse(cls, text: str) -> Size:
        """Size from "WIDTHxHEIGHT", the order people write; raises FrameError otherwise."""
        match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip().lower())
        if not match:
            raise FrameError(f"expected a size as WIDTHxHEIGHT, such as 1280x720, got {text!r}")
        return cls(int(match.group(2)), int(match.group(1)))


@dataclass(frozen=True, slots=True)
class I420:
    """A picture as three planes with chroma halved both ways, as decoders give it and encoders want it.

    y (H, W), u and v (ceil(H/2), ceil(W/2)), uint8, rows contiguous; bt709 and full_range say how to read the colours.
    """

    y: UInt8Array
    u: UInt8Array
    v: UInt8Array
    bt709: bool = True
    full_range: bool = False

    @property
    def size(self) -> Size:
        return Size(*self.y.shape)


Pixels: TypeAlias = "UInt8Array | I420"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a stream.

    pixels: (H, W, 3) uint8 RGB, or I420 planes straight from a decoder.
    pts_s: presentation time in seconds from the start of the source.
    captured_s: time.perf_counter() when the picture was there, for latency; never mixed with pts_s.
    cut: true where the picture does not continue the one before (first frame, other camera, other size, pts jump).
    """

    pixels: Pixels
    pts_s: float
    captured_s: float
    cut: bool = False

    @property
    def size(self) -> Size:
        if isinstance(self.pixels, I420):
            return self.pixels.size
        return Size(*self.pixels.shape[:2])

    @property
    def image(self) -> UInt8Array:
        """(H, W, 3) uint8 RGB; converts on every call when the frame holds planes."""
        from rimlight.pixels import to_rgb

        return to_rgb(self.pixels)


@dataclass(frozen=True, slots=True)
class Matte:
    """alpha (H, W) float32 0..1 and foreground (H, W, 3) uint8, decontaminated, straight (not multiplied by alpha)."""

    alpha: FloatArray
    foreground: UInt8Array


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What one network step says of a picture: the linear model `scale * x + offset` of the deep guided filter.

    scale, offset (4, h, w) float32; channels red, green, blue of the foreground and alpha, whose x is the mean of RGB.
    """

    scale: FloatArray
    offset: FloatArray

    @property
    def size(self) -> Size:
        return Size(*self.scale.shape[1:])


def check_image(image: npt.NDArray[np.generic], name: str = "image") -> UInt8Array:
    """Return image if it is uint8 (H, W, 3); raise FrameError that says what came otherwise."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise FrameError(f"expected {name} as uint8 (H, W, 3) RGB, got {image.dtype} {image.shape}")
    return np.asarray(image, np.uint8)
