"""What a person's own colours are where they mix with what was behind.

Letters: H, W height and width of the picture.
"""

from __future__ import annotations

import cv2
import numpy as np

from rimlight.types import FloatArray, UInt8Array

RADII = (90, 6)  # pixels, of the two passes, in pictures of REFERENCE pixels on the longest side
REFERENCE = 768
TINY = 1e-5


def clean_colours(image: UInt8Array, alpha: UInt8Array) -> UInt8Array:
    """Straight colours (H, W, 3) of the person in image (H, W, 3) with alpha (H, W).

    Two-pass blur fusion (Forte 2021, "Approximate Fast Foreground Colour Estimation"): the colours of person and
    backdrop are first taken as weighted means of a wide and then of a narrow neighbourhood, and each time the person's
    are corrected so that the mixture gives the picture.
    """
    picture = np.asarray(image, np.float32) / np.float32(255)
    opacity = np.asarray(alpha, np.float32)[:, :, None] / np.float32(255)
    person: FloatArray = picture
    behind: FloatArray = picture
    longest = max(image.shape[:2])
    for radius in RADII:
        person, behind = _fused(picture, person, behind, opacity, max(1, round(radius * longest / REFERENCE)))
    return np.asarray(np.rint(person * 255), np.uint8)


def reduced(image: UInt8Array, alpha: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """Straight colours (height, width, 3) at a smaller size; what is transparent does not colour the edge."""
    to = size[::-1]
    plain = np.asarray(cv2.resize(image, to, interpolation=cv2.INTER_AREA), np.uint8)
    weights = alpha.astype(np.float32)[:, :, None] / 255
    mixed = np.asarray(cv2.resize(image * weights, to, interpolation=cv2.INTER_AREA), np.float32)
    share = np.asarray(cv2.resize(weights, to, interpolation=cv2.INTER_AREA), np.float32)[:, :, None]
    straight = np.rint(np.clip(mixed / np.maximum(share, TINY), 0, 255)).astype(np.uint8)
    return np.where(share > 1 / 255, straight, plain)


def _fused(
    picture: FloatArray, person: FloatArray, behind: FloatArray, alpha: FloatArray, radius: int
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    """Colours of person and backdrop after a pass."""
    share = _mean(alpha, radius)[:, :, None]
    person = _mean(person * alpha, radius) / (share + TINY)
    behind = _mean(behind * (1 - alpha), radius) / (1 - share + TINY)
    rest = picture - alpha * person - (1 - alpha) * behind
    return np.clip(person + alpha * rest, 0, 1), np.clip(behind, 0, 1)


def _mean(x: FloatArray, radius: int) -> FloatArray:
    side = 2 * radius + 1
    return np.asarray(cv2.blur(x, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)
