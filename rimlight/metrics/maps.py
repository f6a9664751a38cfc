"""Error maps: how wrong a matte is at each pixel, before anything is summed.

Letters: H, W height and width; p the matte under test, g the truth; both (H, W) float32, 0..1.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from rimlight.errors import FrameError
from rimlight.types import FloatArray

GRADIENT_SIGMA = 1.4  # pixels
GRADIENT_EPSILON = 0.01  # the filter is cut where the Gaussian falls below this
CONNECTIVITY_STEPS = 10  # thresholds 0.1, 0.2, ... 1.0
CONNECTIVITY_SLACK = 0.15  # smaller differences from the level count as connected


def checked_alpha(alpha: npt.NDArray[np.generic], name: str = "alpha") -> FloatArray:
    """Return alpha as float32 if it is a float (H, W) in 0..1; raise FrameError that says what came otherwise."""
    if alpha.ndim != 2 or not np.issubdtype(alpha.dtype, np.floating) or alpha.size == 0:
        raise FrameError(f"expected {name} as float (H, W), got {alpha.dtype} {alpha.shape}")
    low, high = float(alpha.min()), float(alpha.max())
    if not (low >= 0.0 and high <= 1.0):  # also false for NaN
        raise FrameError(f"expected {name} in 0..1, got {low:g} to {high:g}; clamp it before it is measured")
    return alpha.astype(np.float32, copy=False)


def absolute_error(alpha: FloatArray, truth: FloatArray) -> FloatArray:
    """|p - g|, (H, W)."""
    error: FloatArray = np.abs(alpha - truth)
    return error


def squared_error(alpha: FloatArray, truth: FloatArray) -> FloatArray:
    """(p - g)^2, (H, W)."""
    error: FloatArray = np.square(alpha - truth)
    return error


def change_error(
    alpha: FloatArray, truth: FloatArray, alpha_before: FloatArray, truth_before: FloatArray
) -> FloatArray:
    """((p_t - p_t-1) - (g_t - g_t-1))^2, (H, W): Erofeev et al. 2015, the term under the sum of dtSSD."""
    error: FloatArray = np.square((alpha - alpha_before) - (truth - truth_before))
    return error


def gradient_error(alpha: FloatArray, truth: FloatArray) -> FloatArray:
    """(|grad p| - |grad g|)^2, (H, W): Rhemann et al. 2009, section 4, with first-order Gaussian derivatives."""
    return squared_error(gradient_magnitude(alpha), gradient_magnitude(truth))


def gradient_magnitude(alpha: FloatArray) -> FloatArray:
    """Length of the gradient (H, W) by Gaussian derivatives of L2 norm 1, sigma 1.4 pixels, the border replicated."""
    smooth, slope = _derivative_kernels()
    across = cv2.sepFilter2D(alpha, cv2.CV_32F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(alpha, cv2.CV_32F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return np.hypot(across, down).astype(np.float32, copy=False)


def stretched(alpha: FloatArray) -> FloatArray:
    """Alpha moved and scaled so that its least value is 0 and its greatest 1; a flat matte becomes 0."""
    low, high = float(alpha.min()), float(alpha.max())
    if high == low:
        return np.zeros_like(alpha)
    return (alpha - np.float32(low)) / np.float32(high - low)


def connectivity_error(alpha: FloatArray, truth: FloatArray) -> FloatArray:
    """|phi(p) - phi(g)|, (H, W): Rhemann et al. 2009, section 4.

    Omega_i is the largest 4-connected component of {p >= i/10 and g >= i/10}. A pixel's level l is the last i/10 up to
    which it lay in every Omega. With d = a - l, phi(a) = 1 - d where d >= 0.15, and 1 elsewhere.
    """
    level = _connected_level(np.minimum(alpha, truth))
    return absolute_error(_unconnected(alpha - level), _unconnected(truth - level))


def moved_error(before: FloatArray, after: FloatArray, motion: FloatArray) -> FloatArray:
    """|e_t(p)^2 - e_t+1(p + v_p)^2|, (H, W), for the signed errors e = p - g: Sun et al. 2021, the term of eq. 10.

    before, after (H, W): errors of two consecutive frames; motion (H, W, 2): x and y in pixels from the first to the
    second. The second error is sampled bilinearly; a pixel whose motion leaves the picture counts 0.
    """
    height, width = before.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = columns + motion[..., 0], rows + motion[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    arrived = cv2.remap(after, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.where(inside, np.abs(np.square(before) - np.square(arrived)), np.float32(0))


def _derivative_kernels() -> tuple[FloatArray, FloatArray]:
    """The Gaussian and its derivative, each of L2 norm 1, so that their outer product has norm 1 too."""
    sigma = GRADIENT_SIGMA
    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * GRADIENT_EPSILON)))
    offsets = np.arange(-half, half + 1, dtype=np.float64)
    smooth = np.exp(-np.square(offsets) / (2 * sigma**2))
    slope = -offsets * smooth
    kernels = (smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope))
    return kernels[0].astype(np.float32), kernels[1].astype(np.float32)


def _connected_level(least: FloatArray) -> FloatArray:
    level = np.zeros_like(least)
    alive = np.ones(least.shape, bool)
    for step in range(1, CONNECTIVITY_STEPS + 1):
        threshold = np.float32(step / CONNECTIVITY_STEPS)
        alive &= _largest_component(least >= threshold)
        if not alive.any():
            break
        level[alive] = threshold
    return level


def _largest_component(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if len(stats) < 2:  # nothing but the background
        return np.zeros(mask.shape, bool)
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == largest)


def _unconnected(distance: FloatArray) -> FloatArray:
    """d where it is at least the slack, else 0: this is 1 - phi."""
    return np.where(distance >= np.float32(CONNECTIVITY_SLACK), distance, np.float32(0))
