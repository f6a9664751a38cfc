"""The studio's losses against numbers worked out by hand, and where they are 0."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rimlight.training.studio import losses


def frame(*rows: list[float]) -> Tensor:
    """One frame of one clip (1, 1, 1, H, W)."""
    return torch.tensor(rows).view(1, 1, 1, len(rows), -1)


def test_alpha_is_absolute_where_unknown_and_squared_where_known() -> None:
    """Two unknown pixels are off by .2 and .4, two known ones by .5 and .1; a pixel of slack is in each mean."""
    alpha, truth = frame([0.7, 0.5], [0.5, 0.1]), frame([0.5, 0.9], [1.0, 0.0])
    unknown = frame([1.0, 1.0], [0.0, 0.0])
    wanted = (0.2 + 0.4) / 3 + (0.25 + 0.01) / 3
    assert float(losses.difference(alpha, truth, unknown)) == pytest.approx(wanted, rel=1e-5)


def test_composition_counts_the_difference_of_the_composites() -> None:
    """Off by .5 over colours that differ by (.2, .4, .6): .5 * .4 on average, in one unknown pixel of two."""
    alpha, truth, unknown = frame([0.5, 0.0]), frame([1.0, 0.5]), frame([1.0, 0.0])
    colours = torch.tensor([0.2, 0.4, 0.6]).view(1, 1, 3, 1, 1).expand(1, 1, 3, 1, 2)
    assert float(losses.composition(alpha, truth, unknown, colours)) == pytest.approx(0.2 / 2, rel=1e-5)
    same = torch.zeros_like(colours)
    assert float(losses.composition(alpha, truth, unknown, same)) == 0


def test_a_slope_of_one_has_the_sobel_gradient_one() -> None:
    slope = torch.arange(5.0).view(1, 1, 1, 1, 5).expand(1, 1, 1, 4, 5)
    found = losses.sobel(slope)[0, 0, 0]
    assert torch.allclose(found[:, 1:-1], torch.ones(4, 3), atol=1e-4)
    assert torch.allclose(losses.sobel(slope.transpose(3, 4))[0, 0, 0], found.T, atol=1e-5)


def test_gradient_is_weighted_by_how_far_the_gradients_are_apart() -> None:
    """Truth rises by .1 a pixel, the prediction is flat: every weight inside is .1."""
    truth = (0.1 * torch.arange(5.0)).view(1, 1, 1, 1, 5)
    alpha = torch.zeros_like(truth)
    unknown = frame([0.0, 1.0, 1.0, 1.0, 0.0])
    weights, off = 0.1, (0.1 + 0.2 + 0.3)
    wanted = weights * off / (3 * weights + 1)
    assert float(losses.gradient(alpha, truth, unknown)) == pytest.approx(wanted, rel=1e-3)


def test_gradient_asks_nothing_of_its_own_weights() -> None:
    alpha = torch.rand(1, 1, 1, 6, 6, requires_grad=True)
    truth = torch.rand(1, 1, 1, 6, 6)
    unknown = torch.zeros(1, 1, 1, 6, 6)
    unknown[..., 2, 2] = 1
    losses.gradient(alpha, truth, unknown).backward()  # type: ignore[no-untyped-call]
    assert alpha.grad is not None
    assert int((alpha.grad != 0).sum()) == 1


def test_divergence_is_that_of_the_pixels_shares() -> None:
    """Shares 1/2, 1/2, 0 against 1/4, 1/4, 1/2: log 2."""
    truth, alpha = frame([1.0, 1.0, 0.0]), frame([0.5, 0.5, 1.0])
    assert float(losses.divergence(alpha, truth)) == pytest.approx(math.log(2), rel=1e-3)
    assert float(losses.divergence(0.5 * truth, truth)) == pytest.approx(0, abs=1e-4)


def test_nobody_in_the_picture_is_no_distribution() -> None:
    assert float(losses.divergence(torch.rand(1, 2, 1, 3, 3), torch.zeros(1, 2, 1, 3, 3))) == 0


def test_motion_is_the_squared_difference_of_the_changes() -> None:
    """Truth rises by .5, the prediction by .1 in one pixel of two."""
    alpha = torch.tensor([[0.2, 0.4], [0.3, 0.4]]).view(1, 2, 1, 1, 2)
    truth = torch.tensor([[0.0, 0.4], [0.5, 0.4]]).view(1, 2, 1, 1, 2)
    assert float(losses.motion(alpha, truth)) == pytest.approx(0.16 / 2, rel=1e-5)
    assert float(losses.motion(alpha[:, :1], truth[:, :1])) == 0


def test_a_constant_error_does_not_flicker() -> None:
    truth = torch.rand(2, 3, 1, 4, 4)
    assert float(losses.motion(truth + 0.1, truth)) == pytest.approx(0, abs=1e-6)


def test_classes_is_the_cross_entropy() -> None:
    logits = torch.tensor([0.0, math.log(2), math.log(5)]).view(1, 3, 1, 1)
    unknown = torch.tensor([0.0, 1.0, 0.0]).view(1, 3, 1, 1)
    assert float(losses.classes(logits, unknown)) == pytest.approx(math.log(8 / 2), rel=1e-5)


def test_the_truth_itself_costs_nothing() -> None:
    truth = torch.rand(2, 3, 1, 8, 8)
    unknown, colours = (torch.rand(2, 3, 1, 8, 8) > 0.5).float(), torch.rand(2, 3, 3, 8, 8)
    found = losses.matting(truth, truth, unknown, colours)
    assert {name: float(loss) for name, loss in found.items()} == pytest.approx(dict.fromkeys(found, 0.0), abs=1e-6)


def test_a_batch_costs_the_mean_of_its_clips() -> None:
    random = torch.Generator().manual_seed(0)
    alpha, truth, unknown = (torch.rand(2, 3, 1, 8, 8, generator=random) for _ in range(3))
    unknown, colours = (unknown > 0.5).float(), torch.rand(2, 3, 3, 8, 8, generator=random)
    both = losses.matting(alpha, truth, unknown, colours)
    each = [losses.matting(*(part[i : i + 1] for part in (alpha, truth, unknown, colours))) for i in range(2)]
    for name, loss in both.items():
        assert float(loss) == pytest.approx((float(each[0][name]) + float(each[1][name])) / 2, rel=1e-5)
