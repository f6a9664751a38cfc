"""From coefficients to pictures: matte, decontaminated foreground, and the person before a backdrop.

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from rimlight.errors import FrameError
from rimlight.kernels import color, full
from rimlight.kernels.parallel import over_rows, threads
from rimlight.pixels import size_of
from rimlight.types import I420, Coefficients, FloatArray, Matte, Pixels, Size

# What stands behind the person: a sharp picture at full size, (H, W, 3) uint8 or I420; (3, h, w) float32 0..1 for
# what is soft anyway (a colour, a blur) and is stretched on the way; or None for transparent.
Backing: TypeAlias = "Pixels | FloatArray | None"

NO_ALPHA = np.empty((0, 0), np.float32)
NO_SOFT = np.empty((0, 0, 0), np.float32)
NO_PICTURE = color.source_of(color.NO_RGB)


@dataclass(frozen=True, slots=True)
class EdgeOptions:
    """How the matte's edge is treated.

    feather_px: extra softness, as the sigma of a Gaussian in full-resolution pixels.
    shift: -1 (tighter) to 1 (wider), moves the edge within its own soft band.
    decontaminate: replace the room's colour in half-transparent pixels by the predicted colour of the person.
    """

    feather_px: float = 0.0
    shift: float = 0.0
    decontaminate: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.feather_px <= 100:
            raise FrameError(f"expected an edge feather of 0 to 100 pixels, got {self.feather_px}")
        if not -1 <= self.shift <= 1:
            raise FrameError(f"expected an edge shift of -1 (tighter) to 1 (wider), got {self.shift}")


def low_alpha(coefficients: Coefficients, small: FloatArray) -> FloatArray:
    """The matte at internal size (h, w), 0..1; small (3, h, w) is the frame the coefficients came from."""
    return np.asarray(np.clip(coefficients.scale[3] * small.mean(0) + coefficients.offset[3], 0, 1), np.float32)


def adjust_edges(coefficients: Coefficients, small: FloatArray, full_size: Size, options: EdgeOptions) -> Coefficients:
    """Coefficients whose alpha is feathered and shifted; the given ones if there is nothing to do.

    A shift is linear in alpha, so it costs nothing per pixel; a feather replaces the linear model by a blurred matte.
    """
    if not options.feather_px and not options.shift:
        return coefficients
    scale, offset = coefficients.scale.copy(), coefficients.offset.copy()
    if options.feather_px:
        sigma = options.feather_px * small.shape[2] / full_size.width
        scale[3] = 0
        offset[3] = cv2.GaussianBlur(low_alpha(coefficients, small), (0, 0), max(sigma, 0.1))
    gain = 1 + abs(options.shift) * 2
    scale[3] *= gain
    offset[3] = offset[3] * gain + (options.shift * 2 if options.shift < 0 else 0)
    return Coefficients(scale, offset)


def blurred(small: FloatArray, alpha: FloatArray, strength: float) -> FloatArray:
    """The scene without the person, blurred: (3, h, w) 0..1; pixels of the person have no weight, so there is no halo.

    small (3, h, w), alpha (h, w); strength 0..1 sets the blur's sigma from 1 % to 8 % of the longer side.
    """
    height, width = alpha.shape
    sigma = (0.01 + 0.07 * strength) * max(height, width)
    factor = 2 if sigma >= 8 else 1
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    weight = 1 - cv2.dilate(alpha, reach)  # hair and motion blur reach beyond the matte's edge
    weighted = np.dstack([*(small * weight), weight])  # (h, w, 4)
    reduced = cv2.resize(weighted, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    near = cv2.GaussianBlur(reduced, (0, 0), sigma / factor, borderType=cv2.BORDER_REFLECT)
    far = reduced.mean((0, 1)) + 1e-6  # what fills the inside of the person, where nothing else is near
    mixed = (near[:, :, :3] + 0.01 * far[:3] / far[3]) / (near[:, :, 3:] + 0.01)
    stretched = cv2.resize(mixed, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(np.clip(stretched, 0, 1).transpose(2, 0, 1), dtype=np.float32)


class Compositor:
    """The full-resolution pass for frames of one size with coefficients of one size; keeps its scratch memory."""

    def __init__(self, full_size: Size, small: Size) -> None:
        self.full_size, self.small = full_size, small
        self._columns = tuple(full.samples(small.width, full_size.width))
        self._rows = tuple(full.samples(small.height, full_size.height))
        self._scratch = full.scratch_for(threads(), small.height, full_size.height, full_size.width)

    def compose(
        self, pixels: Pixels, coefficients: Coefficients, backing: Backing, out: Pixels,
        *, decontaminate: bool = True, alpha: FloatArray = NO_ALPHA,
    ) -> None:  # fmt: skip
        """Write the person before backing into out; with backing None, out holds the foreground.

        pixels and out: (H, W, 3) uint8 or I420, out also (H, W, 4) with straight alpha; alpha (H, W) float32 to be
        filled, if given. Raises FrameError where sizes do not fit.
        """
        self._check(pixels, coefficients, out)
        kind, sharp, soft = self._backing(backing)
        over_rows(
            full.composite, self.full_size.height, self._scratch, color.source_of(pixels), coefficients.scale,
            coefficients.offset, soft, self._columns, self._rows, sharp, kind, decontaminate,
            color.target_of(out), alpha,
        )  # fmt: skip

    def matte(self, pixels: Pixels, coefficients: Coefficients, *, decontaminate: bool = True) -> Matte:
        """Alpha and foreground of a frame in new arrays."""
        size = (self.full_size.height, self.full_size.width)
        alpha, foreground = np.empty(size, np.float32), np.empty((*size, 3), np.uint8)
        self.compose(pixels, coefficients, None, foreground, decontaminate=decontaminate, alpha=alpha)
        return Matte(alpha, foreground)

    def _backing(self, backing: Backing) -> tuple[int, color.Picture, FloatArray]:
        if backing is None:
            return full.BACKDROP_NONE, NO_PICTURE, NO_SOFT
        if isinstance(backing, I420) or backing.dtype == np.uint8:
            sharp: Pixels = backing  # type: ignore[assignment]
            if size_of(sharp) != self.full_size:
                raise FrameError(f"expected a backdrop of {self.full_size}, got {size_of(sharp)}")
            return full.BACKDROP_SHARP, color.source_of(sharp), NO_SOFT
        if backing.shape != (3, self.small.height, self.small.width):
            raise FrameError(f"expected a soft backdrop of (3, h, w) at {self.small}, got {backing.shape}")
        return full.BACKDROP_SOFT, NO_PICTURE, np.asarray(backing, np.float32)

    def _check(self, pixels: Pixels, coefficients: Coefficients, out: Pixels) -> None:
        if size_of(pixels) != self.full_size or size_of(out) != self.full_size:
            raise FrameError(f"expected frames of {self.full_size}, got {size_of(pixels)} in and {size_of(out)} out")
        if coefficients.size != self.small:
            raise FrameError(f"expected coefficients of {self.small}, got {coefficients.size}")
