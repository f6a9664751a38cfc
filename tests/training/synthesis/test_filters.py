"""Filters keep what is even, do nothing where asked for nothing, and take away what is fine."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rimlight.training.synthesis.filters import apart, blurred, coarsened, gaussian, there_and_back

CPU = torch.device("cpu")


def frames(height: int = 20, width: int = 30) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_nothing_asked_for_is_nothing_done() -> None:
    assert torch.equal(blurred(frames(), 0.0), frames())
    assert torch.equal(coarsened(frames(), 1.0), frames())


@pytest.mark.parametrize("count", [1, 7, 30])
@pytest.mark.parametrize("amount", [0.05, 0.3, 0.77])
def test_even_pictures_stay_even_up_to_the_border(count: int, amount: float) -> None:
    for matrix in (gaussian(count, 10 * amount, CPU), there_and_back(count, amount, CPU)):
        assert matrix.shape == (count, count)
        assert torch.allclose(matrix.sum(dim=1), torch.ones(count), atol=1e-5)
        assert matrix.min() >= 0


def test_blur_has_the_deviation_it_was_asked_for() -> None:
    point = torch.zeros(1, 1, 41, 41)
    point[0, 0, 20, 20] = 1
    places = torch.arange(41, dtype=torch.float32) - 20
    spread = blurred(point, 3.0)[0, 0]
    for axis in (0, 1):
        assert (spread.sum(dim=axis) * places**2).sum() == pytest.approx(9, rel=0.01)


def test_half_the_size_is_the_mean_of_two_and_two() -> None:
    pairs = torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    seen = there_and_back(6, 0.5, CPU) @ pairs
    assert torch.allclose(seen, torch.tensor([0.5, 0.625, 0.875, 0.75, 0.25, 0.0]))


def test_a_smaller_size_keeps_slopes_where_they_are() -> None:
    slope = torch.linspace(0, 1, 60)
    seen = there_and_back(60, 0.4, CPU) @ slope
    assert torch.allclose(seen[3:-3], slope[3:-3], atol=0.01)


def test_rows_and_columns_are_filtered_apart() -> None:
    rows, columns = gaussian(20, 2.0, CPU), there_and_back(30, 0.5, CPU)
    expected = torch.einsum("ij,tcjk,lk->tcil", rows, frames(), columns)
    assert torch.allclose(apart(frames(), rows, columns), expected, atol=1e-6)
