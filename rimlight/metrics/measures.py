"""Measures of one frame or one pair of frames, unscaled: error maps summed or averaged over a region.

Letters: H, W height and width; p the matte under test, g the truth; both (H, W) float, 0..1. Every function takes a
region (H, W) bool and measures the whole frame without one. All raise FrameError if shape, type or range is wrong.
The factors that papers multiply by belong to the conventions (rimlight.metrics.conventions).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from rimlight.errors import FrameError
from rimlight.metrics import maps
from rimlight.types import FloatArray, UInt8Array, check_image

Region: TypeAlias = "npt.NDArray[np.bool_] | None"
Reduction: TypeAlias = Callable[[FloatArray, Region], float]


def mean(errors: FloatArray, region: Region = None) -> float:
    """Mean of an error map over the region; 0 where the region is empty, for there is nothing to be wrong about."""
    chosen = errors if region is None else errors[region]
    return float(chosen.mean(dtype=np.float64)) if chosen.size else 0.0


def total(errors: FloatArray, region: Region = None) -> float:
    """Sum of an error map over the region."""
    return float((errors if region is None else errors[region]).sum(dtype=np.float64))


def root_mean(errors: FloatArray, region: Region = None) -> float:
    """Square root of the mean over the region."""
    return float(np.sqrt(mean(errors, region)))


def root_total(errors: FloatArray, region: Region = None) -> float:
    """Square root of the sum over the region."""
    return float(np.sqrt(total(errors, region)))


def mad(alpha: FloatArray, truth: FloatArray, region: Region = None) -> float:
    """Mean absolute difference, mean |p - g|."""
    return mean(maps.absolute_error(*_pair(alpha, truth)), region)


def sad(alpha: FloatArray, truth: FloatArray, region: Region = None) -> float:
    """Sum of absolute differences, sum |p - g|."""
    return total(maps.absolute_error(*_pair(alpha, truth)), region)


def mse(alpha: FloatArray, truth: FloatArray, region: Region = None) -> float:
    """Mean squared error, mean (p - g)^2."""
    return mean(maps.squared_error(*_pair(alpha, truth)), region)


def grad(alpha: FloatArray, truth: FloatArray, region: Region = None, stretch: bool = False) -> float:
    """Gradient error, sum (|grad p| - |grad g|)^2 (Rhemann et al. 2009); stretch first scales each matte to 0..1."""
    pair = _pair(alpha, truth)
    if stretch:
        pair = (maps.stretched(pair[0]), maps.stretched(pair[1]))
    return total(maps.gradient_error(*pair), region)


def conn(alpha: FloatArray, truth: FloatArray, region: Region = None) -> float:
    """Connectivity error, sum |phi(p) - phi(g)| (Rhemann et al. 2009)."""
    return total(maps.connectivity_error(*_pair(alpha, truth)), region)


def dtssd(
    alpha: FloatArray, truth: FloatArray, alpha_before: FloatArray, truth_before: FloatArray, region: Region = None
) -> float:
    """sqrt(mean ((p_t - p_t-1) - (g_t - g_t-1))^2), as Lin et al. 2022 average the dtSSD of Erofeev et al. 2015."""
    pairs = (*_pair(alpha, truth), *_pair(alpha_before, truth_before))
    return root_mean(maps.change_error(*pairs), region)


def messddt(before: FloatArray, after: FloatArray, motion: FloatArray, region: Region = None) -> float:
    """sum |e_t(p)^2 - e_t+1(p + v_p)^2| (Sun et al. 2021, eq. 10) for the signed errors e = p - g of two frames.

    before, after (H, W) float, -1..1; motion (H, W, 2) from motion_vectors; region of the earlier frame.
    """
    if before.shape != after.shape or motion.shape != (*before.shape, 2):
        raise FrameError(
            f"expected two errors (H, W) and a motion (H, W, 2), got {before.shape}, {after.shape} and {motion.shape}"
        )
    moved = maps.moved_error(*(part.astype(np.float32, copy=False) for part in (before, after, motion)))
    return total(moved, region)


def foreground_mse(foreground: UInt8Array, true_foreground: UInt8Array, truth: FloatArray, ratio: float = 1.0) -> float:
    """Mean over pixels with g > 0 and over channels of (f - f_true)^2, with f in 0..1.

    foreground, true_foreground (H, W, 3) uint8, straight alpha. With a ratio below 1, pictures and truth are first
    averaged over areas to that fraction of their size. 0 where the truth is empty.
    """
    pictures = [check_image(picture).astype(np.float32) / np.float32(255) for picture in (foreground, true_foreground)]
    shown = maps.checked_alpha(truth, "truth")
    if not pictures[0].shape == pictures[1].shape == (*shown.shape, 3):
        raise FrameError(f"expected foregrounds of the truth's size {shown.shape}, got {[p.shape for p in pictures]}")
    if ratio < 1.0:
        pictures = [_reduced(picture, ratio) for picture in pictures]
        shown = _reduced(shown, ratio)
    return mean(np.square(pictures[0] - pictures[1]).mean(axis=2), shown > 0)


def _reduced(picture: FloatArray, ratio: float) -> FloatArray:
    height, width = (max(1, round(side * ratio)) for side in picture.shape[:2])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def _pair(alpha: FloatArray, truth: FloatArray) -> tuple[FloatArray, FloatArray]:
    if alpha.shape != truth.shape:
        raise FrameError(f"expected alpha of the truth's shape {truth.shape}, got {alpha.shape}")
    return maps.checked_alpha(alpha), maps.checked_alpha(truth, "truth")
