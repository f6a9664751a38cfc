"""Every measure against its slow reference, and the properties that hold whatever the mattes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from rimlight import metrics
from rimlight.errors import FrameError
from rimlight.metrics import maps
from tests.test_metrics_reference import (
    random_matte,
    slow_conn,
    slow_grad,
    slow_moved,
    slow_transition,
)

levels = st.sampled_from([0, 13, 25, 26, 51, 77, 102, 128, 153, 179, 204, 230, 254, 255])
mattes = arrays(np.uint8, (7, 9), elements=levels).map(lambda a: a.astype(np.float32) / np.float32(255))
SEEDS = range(6)


def pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    return random_matte(seed).astype(np.float32), random_matte(seed + 100).astype(np.float32)


@pytest.mark.parametrize("seed", SEEDS)
def test_differences_agree_with_numpy(seed: int) -> None:
    alpha, truth = pair(seed)
    difference = alpha.astype(np.float64) - truth
    assert metrics.mad(alpha, truth) == pytest.approx(np.abs(difference).mean())
    assert metrics.sad(alpha, truth) == pytest.approx(np.abs(difference).sum())
    assert metrics.mse(alpha, truth) == pytest.approx((difference**2).mean())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stretch", [False, True])
def test_grad_agrees_with_the_reference(seed: int, stretch: bool) -> None:
    alpha, truth = pair(seed)
    alpha = alpha * np.float32(0.8) + np.float32(0.1)  # so that stretching matters
    expected = slow_grad(alpha.astype(np.float64), truth.astype(np.float64), stretch).sum()
    assert metrics.grad(alpha, truth, stretch=stretch) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_conn_agrees_with_the_reference(seed: int) -> None:
    alpha, truth = pair(seed)
    expected = slow_conn(alpha.astype(np.float64), truth.astype(np.float64))
    assert maps.connectivity_error(alpha, truth) == pytest.approx(expected, abs=1e-6)


@given(alpha=mattes, truth=mattes)
@settings(max_examples=150, deadline=None)
def test_conn_agrees_with_the_reference_on_ties_and_thresholds(alpha: np.ndarray, truth: np.ndarray) -> None:
    expected = slow_conn(alpha.astype(np.float64), truth.astype(np.float64))
    assert maps.connectivity_error(alpha, truth) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_dtssd_agrees_with_numpy(seed: int) -> None:
    alpha, truth = pair(seed)
    alpha_before, truth_before = pair(seed + 50)
    change = (alpha.astype(np.float64) - alpha_before) - (truth.astype(np.float64) - truth_before)
    assert metrics.dtssd(alpha, truth, alpha_before, truth_before) == pytest.approx(np.sqrt((change**2).mean()))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("grain", [1.0, 0.25])  # OpenCV samples to 1/32 of a pixel, so quarters are exact
def test_messddt_agrees_with_the_reference(seed: int, grain: float) -> None:
    before, after = (a - b for a, b in (pair(seed), pair(seed + 50)))
    motion = np.random.default_rng(seed).integers(-12, 13, (*before.shape, 2)).astype(np.float32) * np.float32(grain)
    expected = slow_moved(before.astype(np.float64), after.astype(np.float64), motion.astype(np.float64))
    assert maps.moved_error(before, after, motion) == pytest.approx(expected, abs=1e-5)
    region = before > 0
    assert metrics.messddt(before, after, motion, region) == pytest.approx(expected[region].sum(), rel=1e-4)


@pytest.mark.parametrize("ratio", [1.0, 0.25])
def test_foreground_mse_is_over_true_alpha_only(ratio: float) -> None:
    rng = np.random.default_rng(0)
    ours, true = (rng.integers(0, 256, (8, 12, 3)).astype(np.uint8) for _ in range(2))
    truth = np.zeros((8, 12), np.float32)
    truth[:4, 4:] = 0.5
    small = [p.astype(np.float64) / 255 for p in (ours, true)]
    if ratio < 1:
        small = [p.reshape(2, 4, 3, 4, 3).mean(axis=(1, 3)) for p in small]
        shown = np.array([[False, True, True], [False, False, False]])
    else:
        shown = truth > 0
    expected = ((small[0] - small[1]) ** 2)[shown].mean()
    assert metrics.foreground_mse(ours, true, truth, ratio) == pytest.approx(expected, rel=1e-4)


@given(alpha=mattes)
@settings(max_examples=40, deadline=None)
def test_every_measure_is_zero_for_equal_mattes(alpha: np.ndarray) -> None:
    same = (alpha, alpha.copy())
    assert metrics.mad(*same) == metrics.sad(*same) == metrics.mse(*same) == 0.0
    assert metrics.grad(*same) == metrics.grad(*same, stretch=True) == metrics.conn(*same) == 0.0
    assert metrics.dtssd(*same, alpha * 0, alpha * 0) == 0.0


@given(alpha=mattes, truth=mattes)
@settings(max_examples=40, deadline=None)
def test_measures_are_symmetric_and_not_negative(alpha: np.ndarray, truth: np.ndarray) -> None:
    for measure in (metrics.mad, metrics.sad, metrics.mse, metrics.grad, metrics.conn):
        assert measure(alpha, truth) == pytest.approx(measure(truth, alpha))
        assert measure(alpha, truth) >= 0.0


@given(alpha=mattes, truth=mattes, before=mattes)
@settings(max_examples=40, deadline=None)
def test_a_lasting_error_does_not_count_as_change(alpha: np.ndarray, truth: np.ndarray, before: np.ndarray) -> None:
    assert metrics.dtssd(alpha, truth, alpha, truth) == 0.0
    assert metrics.messddt(alpha - truth, alpha - truth, np.zeros((7, 9, 2), np.float32)) == pytest.approx(0, abs=1e-6)
    assert metrics.dtssd(alpha, truth, before, before) == pytest.approx(np.sqrt(metrics.mse(alpha, truth)))


@given(alpha=mattes, truth=mattes)
@settings(max_examples=40, deadline=None)
def test_regions_split_a_sum(alpha: np.ndarray, truth: np.ndarray) -> None:
    region = np.zeros(alpha.shape, bool)
    region[2:5, 3:] = True
    for measure in (metrics.sad, metrics.grad, metrics.conn):
        assert measure(alpha, truth, region) + measure(alpha, truth, ~region) == pytest.approx(measure(alpha, truth))


def test_an_empty_region_has_no_error() -> None:
    alpha, truth = pair(0)
    nowhere = np.zeros(alpha.shape, bool)
    assert metrics.mse(alpha, truth, nowhere) == metrics.sad(alpha, truth, nowhere) == 0.0


def test_a_flat_matte_stretches_to_zero() -> None:
    assert not maps.stretched(np.full((3, 4), 0.7, np.float32)).any()


@pytest.mark.parametrize("long_side", [96, 512])
def test_transition_region_is_a_disc_around_mixed_pixels(long_side: int) -> None:
    truth = np.zeros((64, long_side), np.float32)
    truth[20:40, 30:60] = 1
    truth[20, 30:60] = 0.5
    radius = max(1, round(0.01 * long_side))
    region = metrics.transition_region(truth)
    assert region[slow_transition(truth, radius - 1)].all()
    assert not region[~slow_transition(truth, radius + 1)].any()


def test_transition_region_of_a_hard_matte_is_empty() -> None:
    assert not metrics.transition_region((pair(0)[1] > 0.5).astype(np.float32)).any()


def test_motion_vectors_find_a_shift() -> None:
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(size=(140, 180, 3)), (2, 2, 0))
    picture = np.clip(texture / texture.std() * 50 + 128, 0, 255).astype(np.uint8)
    motion = metrics.motion_vectors(picture[10:110, 10:150], picture[7:107, 5:145])
    middle = motion[20:-20, 20:-20].reshape(-1, 2)
    assert np.median(middle, axis=0) == pytest.approx([5.0, 3.0], abs=0.1)  # x then y


@pytest.mark.parametrize(
    ("alpha", "told"),
    [
        (np.zeros((4, 5), np.uint8), "float"),
        (np.zeros((4, 5, 1), np.float32), r"shape \(4, 5\)"),
        (np.full((4, 5), np.nan, np.float32), "0..1"),
        (np.full((4, 5), 1.01, np.float32), "clamp"),
    ],
)
def test_bad_mattes_are_named(alpha: np.ndarray, told: str) -> None:
    with pytest.raises(FrameError, match=told):
        metrics.mad(alpha, np.zeros((4, 5), np.float32))


def test_foregrounds_of_another_size_are_named() -> None:
    with pytest.raises(FrameError, match="truth's size"):
        metrics.foreground_mse(
            np.zeros((4, 6, 3), np.uint8), np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), np.float32)
        )


def test_messddt_names_wrong_shapes() -> None:
    with pytest.raises(FrameError, match="motion"):
        metrics.messddt(np.zeros((4, 5)), np.zeros((4, 5)), np.zeros((4, 5)))
