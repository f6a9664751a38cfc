"""What the camera adds is what the plan says, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from rimlight.training.synthesis import degrade, warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.plan import Faults

NONE = Faults(smear=0, soft=0, noise=0, sharpen=0, rescale=0, squeeze=0)
STILL = np.broadcast_to(np.eye(3), (2, 3, 3))


def picture(value: float | None = None) -> Tensor:
    if value is not None:
        return torch.full((2, 3, 40, 48), value)
    return torch.rand(2, 3, 40, 48, generator=torch.Generator().manual_seed(1))


def box() -> Tensor:
    alpha = torch.zeros(2, 1, 40, 48)
    alpha[:, :, 10:30, 16:32] = 1
    return alpha


def test_a_perfect_camera_only_counts_in_bytes() -> None:
    seen = degrade.degraded(Dice(1), picture(), NONE)
    assert (seen - picture()).abs().max() <= 0.5 / 255 + 1e-6
    assert torch.equal(torch.round(seen * 255) / 255, seen)


@pytest.mark.parametrize("fault", ["soft", "noise", "sharpen", "rescale", "squeeze"])
def test_every_fault_shows_and_keeps_shape_and_range(fault: str) -> None:
    faults = replace(NONE, soft_radius=0.1, noise_level=(0.03, 0.03), **{fault: 1.0})
    seen = degrade.degraded(Dice(1), picture(), faults)
    assert seen.shape == picture().shape
    assert 0 <= seen.min() < seen.max() <= 1
    assert (seen - picture()).abs().mean() > 2 / 255


def test_noise_has_its_level_at_mid_grey_and_grows_with_the_light() -> None:
    deviations = [float((degrade.noisy(Dice(5), picture(value), 0.02) - value).std()) for value in (0.1, 0.5, 0.9)]
    assert deviations == sorted(deviations)
    assert deviations[1] == pytest.approx(0.02, rel=0.35)  # coarse grain is averaged by its enlargement


def test_noise_is_another_in_every_frame_and_its_colours_are_related() -> None:
    grain = degrade.noisy(Dice(5), picture(0.5), 0.02) - 0.5
    flat = grain.flatten(2)
    between_frames = torch.corrcoef(torch.stack([flat[0, 0], flat[1, 0]]))[0, 1]
    between_colours = torch.corrcoef(flat[0])[0, 1]
    assert between_frames.abs() < 0.1
    assert 0.15 < between_colours < 0.6


def test_without_movement_the_open_shutter_changes_nothing() -> None:
    image = degrade.smeared(picture(), box(), picture(0.2), (STILL, STILL), 1.0)
    expected = box() * picture() + (1 - box()) * picture(0.2)
    assert torch.allclose(image, expected, atol=1e-5)


def test_a_moving_person_smears_along_the_way_and_the_backdrop_stays_sharp() -> None:
    aside = warp.shift([0.0, 0.0], 8.0)
    backdrop = picture()
    image = degrade.smeared(picture(1.0), box(), backdrop, (aside, STILL), 1.0)
    change = (image - (box() + (1 - box()) * backdrop)).abs().amax(dim=(0, 1))
    rows, columns = change.amax(dim=1) > 1e-3, change.amax(dim=0) > 1e-3
    assert torch.nonzero(rows).flatten().tolist() == list(range(10, 30))
    assert torch.nonzero(columns).flatten().tolist() == [*range(12, 20), *range(28, 36)]


def test_the_edge_of_a_smear_is_a_ramp_about_the_frames_own_moment() -> None:
    aside = warp.shift([0.0, 0.0], 8.0)
    image = degrade.smeared(picture(1.0), box(), picture(0.0), (aside, STILL), 1.0)
    ramp = image[0, 0, 20, 11:21]
    assert (ramp[1:] >= ramp[:-1]).all()
    assert torch.allclose(ramp + ramp.flip(0), torch.ones(10), atol=1e-4)


def test_a_moving_backdrop_does_not_smear_the_person() -> None:
    aside = warp.shift([3.0, 3.0], 5.0)
    image = degrade.smeared(picture(), box(), picture(0.0), (STILL, aside), 1.0)
    assert torch.allclose(image * box(), picture() * box(), atol=1e-5)


def test_a_shorter_shutter_smears_less() -> None:
    aside = warp.shift([0.0, 0.0], 8.0)
    sharp = box() * 1.0
    losses = []
    for shutter in (0.0, 0.3, 1.0):
        image = degrade.smeared(picture(1.0), box(), picture(0.0), (aside, STILL), shutter)
        losses.append(float((image - sharp).abs().mean()))
    assert losses[0] < 1e-6
    assert losses == sorted(losses)


def test_the_same_dice_film_the_same() -> None:
    faults = Faults(smear=0, soft=1, noise=1, sharpen=1, rescale=1, squeeze=1)
    first = degrade.degraded(Dice(3), picture(), faults)
    assert torch.equal(first, degrade.degraded(Dice(3), picture(), faults))
    assert not torch.equal(first, degrade.degraded(Dice(4), picture(), faults))


def test_white_before_white_stays_white_however_it_moves() -> None:
    aside = warp.shift([2.0, 2.0], 8.0)
    image = degrade.smeared(picture(1.0), box(), picture(1.0), (aside, STILL), 1.0)
    assert torch.allclose(image, picture(1.0), atol=1e-5)
