"""Looks change what they say, slowly, and nothing where the plan says nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rimlight.training.synthesis.colour import Look, drifts, look, recoloured
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.plan import Looks

STILL = Looks(exposure=0, brightness=0, contrast=0, saturation=0, hue=0, gamma=0, warmth=0, grey=0)


def frames(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 8, 9, generator=torch.Generator().manual_seed(1))


def many(looks: Looks) -> list[Look]:
    return [look(Dice(seed), 3, looks) for seed in range(40)]


def test_no_change_leaves_colours() -> None:
    assert torch.allclose(recoloured(frames(), look(Dice(1), 3, STILL)), frames(), atol=1e-6)
    assert torch.allclose(recoloured(frames(), look(Dice(1), 3, Looks(), amount=0.0)), frames(), atol=1e-6)


def test_grey_stays_grey_under_saturation_and_hue() -> None:
    grey = torch.rand(3, 1, 8, 9).expand(-1, 3, -1, -1)
    for change in many(replace(STILL, saturation=0.9, hue=60)):
        assert torch.allclose(recoloured(grey, change), grey, atol=2e-3)


def test_without_colour_all_channels_agree_on_the_brightness() -> None:
    seen = recoloured(frames(), look(Dice(1), 3, replace(STILL, grey=1.0)))
    luma = (frames() * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1)
    for channel in range(3):
        assert torch.allclose(seen[:, channel], luma, atol=1e-5)


def test_exposure_is_a_factor() -> None:
    dark = frames() * 0.3
    factors = [(recoloured(dark, change) / dark)[0] for change in many(replace(STILL, exposure=0.5, drift=0))]
    assert all(torch.allclose(factor, factor.mean().expand_as(factor), atol=1e-4) for factor in factors)
    means = np.array([float(factor.mean()) for factor in factors])
    assert 2**-0.5 <= means.min() < 0.9
    assert 1.1 < means.max() <= 2**0.5


def test_contrast_turns_about_the_middle_and_warmth_moves_red_against_blue() -> None:
    middle = torch.full((3, 3, 2, 2), 0.5)
    for change in many(replace(STILL, contrast=0.5)):
        assert torch.allclose(recoloured(middle, change), middle, atol=1e-6)
    for change in many(replace(STILL, warmth=0.3, drift=0)):
        red, _, blue = recoloured(middle, change)[0, :, 0, 0].tolist()
        assert red + blue == pytest.approx(1, abs=1e-5)


def test_gamma_keeps_black_and_white() -> None:
    ends = torch.stack([torch.zeros(3, 2, 2), torch.ones(3, 2, 2), torch.full((3, 2, 2), 0.5)])
    for change in many(replace(STILL, gamma=1.0)):
        seen = recoloured(ends, change)
        assert torch.equal(seen[:2], ends[:2])
        assert 0.2 < seen[2].mean() < 0.75


def test_dark_rooms_are_dark() -> None:
    seen = recoloured(frames(), look(Dice(1), 3, STILL, dark=True))
    assert seen.mean() < 0.55 * frames().mean()


def test_drift_is_slow_and_bounded() -> None:
    for seed in range(40):
        values = drifts(Dice(seed), 60, np.array([2.0, 0.5]), 0.4)
        assert (np.abs(values).max(axis=1) <= np.array([2.0, 0.5]) + 1e-9).all()
        assert (np.abs(np.diff(values)).max(axis=1) <= np.array([2.0, 0.5]) * 0.4 * 2 * np.pi / 40).all()
    assert np.ptp(drifts(Dice(1), 60, np.array([2.0]), 0.0)) == 0
    assert np.ptp(drifts(Dice(1), 60, np.array([2.0]), 0.4)) > 0
