"""The only conversions between uint8 and float, colour spaces and sizes.

Letters: H, W height and width of a picture; h, w internal size.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from rimlight.errors import FrameError
from rimlight.kernels import color, convert
from rimlight.kernels.parallel import over_rows, threads
from rimlight.kernels.shrink import Taps, mix_planes, shrink, taps
from rimlight.types import I420, FloatArray, Pixels, Size, UInt8Array


def size_of(pixels: Pixels) -> Size:
    """Size of RGB, RGBA or I420 pixels."""
    return pixels.size if isinstance(pixels, I420) else Size(*pixels.shape[:2])


def to_rgb(pixels: Pixels) -> UInt8Array:
    """(H, W, 3) uint8 RGB of any pixels; an RGB picture comes back as it is, RGBA loses its alpha."""
    if not isinstance(pixels, I420):
        return pixels if pixels.shape[2] == 3 else np.ascontiguousarray(pixels[:, :, :3])
    height, width = pixels.y.shape
    out = np.empty((height, width, 3), np.uint8)
    scratch = convert.scratch_for(threads(), width)
    over_rows(convert.planes_to_rgb, height, scratch, color.source_of(pixels), out)
    return out


def empty_i420(size: Size) -> I420:
    """Planes of the size, not yet filled, BT.709 limited range."""
    chroma = ((size.height + 1) // 2, (size.width + 1) // 2)
    y = np.empty((size.height, size.width), np.uint8)
    return I420(y, np.empty(chroma, np.uint8), np.empty(chroma, np.uint8))


def to_i420(pixels: Pixels) -> I420:
    """I420 in BT.709 limited range; planes already in it come back as they are."""
    if isinstance(pixels, I420):
        if pixels.bt709 and not pixels.full_range:
            return pixels
        pixels = to_rgb(pixels)
    height, width = pixels.shape[:2]
    out = empty_i420(Size(height, width))
    scratch = convert.scratch_for(threads(), width)
    over_rows(convert.rgb_to_planes, height, scratch, color.source_of(to_rgb(pixels)).rgb, color.target_of(out))
    return out


def to_bt601(planes: I420, out: I420) -> None:
    """Write BT.709 planes to out as BT.601, both of limited range, without a detour through RGB; within a level."""
    luma, chroma = _from_bt709_to_bt601()
    middle = -128 * (luma[0] + luma[1])
    shift = cv2.addWeighted(planes.u, luma[0], planes.v, luma[1], middle, dtype=cv2.CV_16S)  # (h/2, w/2)
    height, width = planes.y.shape
    full = cv2.resize(shift, (2 * shift.shape[1], 2 * shift.shape[0]), interpolation=cv2.INTER_NEAREST)
    cv2.add(planes.y, full[:height, :width], out.y, dtype=cv2.CV_8U)
    for plane, (of_u, of_v) in zip((out.u, out.v), chroma, strict=True):
        cv2.addWeighted(planes.u, of_u, planes.v, of_v, 128 * (1 - of_u - of_v), plane)


@lru_cache(maxsize=1)
def _from_bt709_to_bt601() -> tuple[tuple[float, float], tuple[tuple[float, float], tuple[float, float]]]:
    """Shares of u and v that BT.601 adds to luma, and of which its own u and v are made."""
    matrices = []
    for bt709 in (True, False):
        red, blue = color.LUMA[bt709]
        y = np.array([red, 1 - red - blue, blue])
        u, v = (np.array([0, 0, 1]) - y) / (2 - 2 * blue), (np.array([1, 0, 0]) - y) / (2 - 2 * red)
        matrices.append(np.array([y * 219, u * 224, v * 224]))
    mix = matrices[1] @ np.linalg.inv(matrices[0])  # (3, 3) of y, u, v
    return (mix[0, 1], mix[0, 2]), ((mix[1, 1], mix[1, 2]), (mix[2, 1], mix[2, 2]))


@lru_cache(maxsize=32)
def _taps(inputs: int, outputs: int) -> Taps:
    return taps(inputs, outputs)


class Shrinker:
    """Resizes frames of one size to the network's size, into a buffer that it keeps.

    A call returns (3, h, w) float32 RGB 0..1, valid until the next call.
    """

    def __init__(self, full: Size, small: Size) -> None:
        self.full, self.small = full, small
        self._out: FloatArray = np.empty((3, small.height, small.width), np.float32)
        self._scratch: FloatArray = np.empty((threads(), full.width * 4), np.float32)
        self._luma: FloatArray = np.empty((1, small.height, small.width), np.float32)
        self._chroma: FloatArray = np.empty((2, small.height, small.width), np.float32)

    def __call__(self, pixels: Pixels, out: FloatArray | None = None) -> FloatArray:
        """(3, h, w) of pixels, written to out where it is given; raises FrameError for another size."""
        if size_of(pixels) != self.full:
            raise FrameError(f"expected a frame of {self.full}, got {size_of(pixels)}; a new size is a cut")
        out = self._out if out is None else out
        if isinstance(pixels, I420):
            planes, half = color.source_of(pixels), Size(*pixels.u.shape)
            self._run(planes.y, planes.stride, 1, self.full, np.float32(1), self._luma)
            self._run(planes.u, planes.chroma_stride, 1, half, np.float32(1), self._chroma[0:1])
            self._run(planes.v, planes.chroma_stride, 1, half, np.float32(1), self._chroma[1:2])
            over_rows(mix_planes, self.small.height, self._luma[0], self._chroma, planes.matrix, out)
        else:
            flat = color.source_of(to_rgb(pixels)).rgb.reshape(-1)
            self._run(flat, 3 * self.full.width, 3, self.full, np.float32(1 / 255), out)
        return out

    def _run(self, flat: UInt8Array, stride: int, step: int, full: Size, gain: np.float32, out: FloatArray) -> None:
        rows, columns = _taps(full.height, self.small.height), _taps(full.width, self.small.width)
        over_rows(
            shrink, self.small.height, self._scratch, flat, stride, full.width, step, tuple(rows), tuple(columns),
            gain, out,
        )  # fmt: skip


def fill(image: UInt8Array, size: Size) -> UInt8Array:
    """Scale and centre-crop a picture (any size) so that it covers size, aspect kept: (H, W, C) uint8."""
    height, width = image.shape[:2]
    ratio = max(size.height / height, size.width / width)
    crop_h, crop_w = min(height, round(size.height / ratio)), min(width, round(size.width / ratio))
    top, left = (height - crop_h) // 2, (width - crop_w) // 2
    crop = image[top : top + max(1, crop_h), left : left + max(1, crop_w)]
    method = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(crop, (size.width, size.height), interpolation=method)
    return np.ascontiguousarray(scaled.reshape(size.height, size.width, image.shape[2]), dtype=np.uint8)


def read_picture(data: bytes, name: str) -> UInt8Array:
    """(H, W, 3) uint8 RGB of an encoded picture, turned by its EXIF orientation; raises FrameError if it is none."""
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if decoded is None:
        raise FrameError(f"expected a PNG, JPEG or WebP picture, got {len(data)} bytes that are none in {name}")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
