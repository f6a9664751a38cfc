"""The colour of the person alone, of an image and its matte.

The estimate is that of Forte, "Approximate Fast Foreground Colour Estimation" (ICIP 2021): two rounds of box blurs in
which each pixel takes the mean colour of the foreground and of the backdrop around it, corrected by what they leave
unexplained. Letters: H, W size of the picture.
"""

from __future__ import annotations

import cv2
import numpy as np

from rimlight.types import FloatArray, UInt8Array

RADII = (0.1, 0.0075)  # of the two rounds, as a share of the long side
NEAR = 1e-5
COARSE = 4  # the first round looks far, so a quarter of the resolution is enough for it


def foreground_of(image: UInt8Array, alpha: FloatArray) -> UInt8Array:
    """(H, W, 3) uint8 of image (H, W, 3) RGB and alpha (H, W) 0..1; opaque pixels keep their colour."""
    found = np.empty_like(image)
    for channel in range(3):  # one after the other: a third of the memory
        found[:, :, channel] = _channel(image[:, :, channel], alpha)
    return np.where((alpha >= 1)[:, :, None], image, found)


def _channel(plane: UInt8Array, alpha: FloatArray) -> UInt8Array:
    """(H, W) uint8 of one colour."""
    height, width = alpha.shape
    wide, near = (max(1, round(share * max(height, width))) for share in RADII)
    pixels = plane.astype(np.float32)
    small = (max(1, width // COARSE), max(1, height // COARSE))
    coarse, coarse_alpha = (_resized(one, small, cv2.INTER_AREA) for one in (pixels, alpha))
    first, behind = _round(coarse, coarse, coarse, coarse_alpha, max(1, wide // COARSE))
    first, behind = (_resized(one, (width, height), cv2.INTER_LINEAR) for one in (first, behind))
    second, _ = _round(pixels, first, behind, alpha, near)
    return np.clip(second, 0, 255).round().astype(np.uint8)


def _resized(picture: FloatArray, to: tuple[int, int], method: int) -> FloatArray:
    return np.asarray(cv2.resize(picture, to, interpolation=method), np.float32)


def _round(
    pixels: FloatArray, foreground: FloatArray, backdrop: FloatArray, alpha: FloatArray, radius: int
) -> tuple[FloatArray, FloatArray]:
    """Foreground and backdrop (H, W) of the last round to those of this one."""
    box = (2 * radius + 1, 2 * radius + 1)
    mean_alpha = cv2.blur(alpha, box)
    front = cv2.blur(foreground * alpha, box) / (mean_alpha + NEAR)
    behind = cv2.blur(backdrop * (1 - alpha), box) / (1 - mean_alpha + NEAR)
    return front + alpha * (pixels - alpha * front - (1 - alpha) * behind), behind
