"""Slow references of every measure, written from the papers with loops and scipy, and cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]


def slow_gradient(alpha: Array) -> Array:
    """Gradient magnitude by a two-dimensional Gaussian derivative of norm 1 (Rhemann et al. 2009)."""
    sigma, epsilon = 1.4, 0.01
    half = math.ceil(sigma * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * sigma * epsilon)))

    def gauss(x: float) -> float:
        return math.exp(-(x**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))

    kernel = np.array(
        [[gauss(y) * -x * gauss(x) / sigma**2 for x in range(-half, half + 1)] for y in range(-half, half + 1)]
    )
    kernel /= math.sqrt((kernel**2).sum())
    across, down = (ndimage.convolve(alpha, part, mode="nearest") for part in (kernel, kernel.T))
    return np.sqrt(across**2 + down**2)


def slow_grad(alpha: Array, truth: Array, stretch: bool = False) -> Array:
    if stretch:
        alpha, truth = ((a - a.min()) / max(a.max() - a.min(), 1e-12) for a in (alpha, truth))
    return (slow_gradient(alpha) - slow_gradient(truth)) ** 2


def slow_conn(alpha: Array, truth: Array) -> Array:
    """|phi(p) - phi(g)| per pixel, pixel by pixel from the list of largest components."""
    components = []
    for step in range(1, 11):
        both = (alpha.astype(np.float32) >= np.float32(step / 10)) & (truth.astype(np.float32) >= np.float32(step / 10))
        labels, count = ndimage.label(both)  # 4-connected by default
        sizes = ndimage.sum_labels(both, labels, range(1, count + 1))
        components.append(labels == 1 + int(np.argmax(sizes)) if count else np.zeros(both.shape, bool))
    out = np.zeros(alpha.shape)
    for place in np.ndindex(alpha.shape):
        level = 1.0
        for step, component in enumerate(components):
            if not component[place]:
                level = step / 10
                break
        phi = [1 - d * (d >= 0.15) for d in (alpha[place] - level, truth[place] - level)]
        out[place] = abs(phi[0] - phi[1])
    return out


def slow_moved(before: Array, after: Array, motion: Array) -> Array:
    """|e_t(p)^2 - e_t+1(p + v)^2| with a bilinear sample written out; 0 where the motion leaves the picture."""
    height, width = before.shape
    out = np.zeros_like(before)
    for y, x in np.ndindex(before.shape):
        to_x, to_y = x + motion[y, x, 0], y + motion[y, x, 1]
        if not (0 <= to_x <= width - 1 and 0 <= to_y <= height - 1):
            continue
        left, top = int(to_x), int(to_y)
        right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
        u, v = to_x - left, to_y - top
        upper = (1 - u) * after[top, left] + u * after[top, right]
        lower = (1 - u) * after[bottom, left] + u * after[bottom, right]
        out[y, x] = abs(before[y, x] ** 2 - ((1 - v) * upper + v * lower) ** 2)
    return out


def slow_transition(truth: Array, radius: int) -> NDArray[np.bool_]:
    """Within a radius of a mixed pixel, by distances: the disc of OpenCV may differ from it at its rim."""
    mixed = (truth > 0) & (truth < 1)
    return ndimage.distance_transform_edt(~mixed) <= radius


def random_matte(seed: int, shape: tuple[int, int] = (24, 31)) -> Array:
    """A smooth blob with holes, islands and exact 0 and 1, in steps of 1/255."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0)
    return np.rint(np.clip(noise * 4 + 0.5, 0, 1) * 255) / 255


def test_gradient_of_a_unit_step_is_the_sum_of_the_filter_half() -> None:
    step = np.zeros((21, 21))
    step[:, 11:] = 1
    x = np.arange(-4, 5)
    smooth, slope = np.exp(-(x**2) / 3.92), x * np.exp(-(x**2) / 3.92)
    height = smooth.sum() / np.linalg.norm(smooth) * slope[x >= 1].sum() / np.linalg.norm(slope)
    assert slow_gradient(step)[10, 10] == pytest.approx(height)


def test_conn_of_a_cut_off_island_counts_the_whole_island() -> None:
    truth = np.array([[1.0, 1.0, 0.0, 1.0]])
    alpha = np.array([[1.0, 1.0, 0.0, 0.5]])
    # the island has level 0 in both: phi(g) = 0, phi(p) = 0.5; the rest agrees
    assert slow_conn(alpha, truth) == pytest.approx(np.array([[0.0, 0.0, 0.0, 0.5]]))


def test_conn_forgives_less_than_the_slack() -> None:
    truth, alpha = np.array([[1.0, 1.0]]), np.array([[1.0, 0.9]])
    assert slow_conn(alpha, truth).sum() == 0.0


def test_moved_error_follows_a_shift_of_one_pixel() -> None:
    before, after = np.array([[0.5, 0.0, 0.0]]), np.array([[0.0, 0.5, 0.0]])
    motion = np.zeros((1, 3, 2))
    motion[..., 0] = 1
    assert slow_moved(before, after, motion).sum() == 0.0
    assert slow_moved(before, after, motion * 0).sum() == pytest.approx(0.5)
