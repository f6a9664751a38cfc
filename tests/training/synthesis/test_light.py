"""A fitted person comes nearer to the backdrop's light; shadows darken behind people; light falls from a side."""

from __future__ import annotations

import torch
from torch import Tensor

from rimlight.training.synthesis import light
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.plan import Looks

CPU = torch.device("cpu")


def parts() -> tuple[Tensor, Tensor, Tensor]:
    """A dark, contrasty person on the left of a bright, bluish backdrop."""
    made = torch.Generator().manual_seed(1)
    person = 0.1 + 0.4 * torch.rand(2, 3, 24, 32, generator=made)
    backdrop = 0.6 + 0.1 * torch.rand(2, 3, 24, 32, generator=made) + torch.tensor([0, 0, 0.2]).view(1, 3, 1, 1)
    alpha = torch.zeros(2, 1, 24, 32)
    alpha[:, :, :, :16] = 1
    return person, alpha, backdrop


def test_the_fitted_mean_is_nearer_the_larger_the_share() -> None:
    person, alpha, backdrop = parts()
    target = backdrop[:, :, :, 16:].mean(dim=(0, 2, 3))
    distances = []
    for share in (0.0, 0.4, 0.8):
        fitted = light.matched(person, alpha, backdrop, share)[:, :, :, :16]
        distances.append(float((fitted.mean(dim=(0, 2, 3)) - target).abs().mean()))
    assert distances == sorted(distances, reverse=True)
    assert torch.allclose(light.matched(person, alpha, backdrop, 0.0), person, atol=1e-5)


def test_brightness_is_fitted_more_than_tint() -> None:
    person, alpha, backdrop = parts()
    before, after = (x[:, :, :, :16].mean(dim=(0, 2, 3)) for x in (person, light.matched(person, alpha, backdrop, 0.8)))
    assert after.mean() > before.mean() + 0.1
    tint = backdrop[:, :, :, 16:].mean(dim=(0, 2, 3))
    bluish = [float(colour[2] - colour.mean()) for colour in (before, after, tint)]
    assert bluish[0] < bluish[1] < bluish[2] / 2


def test_contrast_is_fitted_within_limits_and_nobody_is_no_problem() -> None:
    person, alpha, backdrop = parts()
    before, after = (x[:, :, :, :16].mean(dim=1).std() for x in (person, light.matched(person, alpha, backdrop, 0.8)))
    assert 0.7 * before <= after < before
    assert torch.isfinite(light.matched(person, alpha * 0, backdrop, 0.8)).all()
    assert torch.isfinite(light.matched(person, alpha * 0 + 1, backdrop, 0.8)).all()


def test_shadows_darken_near_the_person_and_never_lighten() -> None:
    _, alpha, backdrop = parts()
    wide = torch.nn.functional.pad(alpha, (0, 96))
    behind = torch.ones(2, 3, 24, 128)
    for seed in range(10):
        shaded = light.shaded(Dice(seed), behind, wide, Looks(shadow_depth=0.5))
        assert (shaded <= 1).all()
        assert shaded.min() < 0.95
        assert shaded.min() >= 0.5
        assert shaded[:, :, :, -32:].min() > 0.99
    assert torch.equal(light.shaded(Dice(1), backdrop, alpha, Looks(shadow_depth=0.0)), backdrop)


def test_light_from_a_side_is_even_on_the_whole_and_turns_slowly() -> None:
    gains = light.lit_from_a_side(Dice(2), 5, (24, 32), Looks(gradient_depth=0.35), CPU)
    assert gains.shape == (5, 1, 24, 32)
    assert gains.mean().sub(1).abs() < 1e-3
    assert 0.02 < gains.std() < 0.35
    assert gains.min() >= 0
    assert (gains[1:] - gains[:-1]).abs().max() < 0.02
