"""Losses against NumPy written down independently, and where they are 0."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from rimlight.training import losses
from rimlight.training.losses import Truth

Array = npt.NDArray[np.float64]
SHAPE = (3, 4, 32, 48)  # B, T, H, W


def truth(seed: int = 0, natural: bool = True) -> Truth:
    """Alpha with exact 0 and 1, colours, and one natural clip of three."""
    random = torch.Generator().manual_seed(seed)
    batch, frames, height, width = SHAPE
    alpha = (torch.rand(batch, frames, 1, height, width, generator=random) * 2 - 0.5).clamp(0, 1)
    foreground = torch.rand(batch, frames, 3, height, width, generator=random)
    return losses.truth_of(alpha, foreground, torch.tensor([False, natural, False]))


def prediction(seed: int = 1) -> Tensor:
    """Between 0 and 1, where nothing saturates."""
    batch, frames, height, width = SHAPE
    return torch.rand(batch, frames, 4, height, width, generator=torch.Generator().manual_seed(seed))


def right(known: Truth) -> Tensor:
    return torch.cat([known.foreground, known.alpha], dim=2)


def arrays(*tensors: Tensor) -> list[Array]:
    return [tensor.double().numpy() for tensor in tensors]


def test_a_perfect_prediction_costs_nothing() -> None:
    known = truth()
    assert all(float(loss) == 0 for loss in losses.matting(right(known), known).values())


def test_a_prediction_may_go_beyond_an_exact_0_or_1() -> None:
    known = truth()
    raw = right(known)
    beyond = raw + (raw == 1).float() - (raw == 0).float()
    assert not torch.equal(raw, beyond)
    assert all(float(loss) == 0 for loss in losses.matting(beyond, known).values())


def test_a_prediction_that_is_wrong_beyond_the_range_keeps_its_gradient() -> None:
    wanted = torch.tensor([0.0, 0.0, 0.5, 0.5, 1.0, 1.0])
    raw = torch.tensor([-0.5, 1.5, -0.5, 1.5, -0.5, 1.5], requires_grad=True)
    (losses.saturated(raw, wanted) - wanted).abs().sum().backward()
    assert raw.grad is not None
    assert raw.grad.tolist() == [0, 1, -1, 1, -1, 0]


def test_alpha_composition_and_foreground_are_the_papers_sums() -> None:
    known, raw = truth(), prediction()
    found = losses.matting(raw, known)
    alpha, foreground, mine = arrays(known.alpha, known.foreground, raw)
    clean = np.array([1.0, 0.0, 1.0]).reshape(3, 1, 1, 1, 1)
    assert float(found["alpha"]) == pytest.approx(np.abs(mine[:, :, 3:] - alpha).mean())
    products = np.abs(mine[:, :, 3:] * mine[:, :, :3] - alpha * foreground)
    assert float(found["composition"]) == pytest.approx((clean * products).mean())
    colours = np.abs(mine[:, :, :3] - foreground) * (alpha > 0) * clean
    assert float(found["foreground"]) == pytest.approx(colours.mean())


def test_motion_compares_changes_from_frame_to_frame() -> None:
    known, raw = truth(), prediction()
    alpha, foreground, mine = arrays(known.alpha, known.foreground, raw)
    clean = np.array([1.0, 0.0, 1.0]).reshape(3, 1, 1, 1, 1)
    of_alpha = np.abs(np.diff(mine[:, :, 3:], axis=1) - np.diff(alpha, axis=1)).mean()
    both = (alpha[:, 1:] > 0) & (alpha[:, :-1] > 0)
    of_colour = np.abs(np.diff(mine[:, :, :3], axis=1) - np.diff(foreground, axis=1)) * both * clean
    assert float(losses.matting(raw, known)["motion"]) == pytest.approx(of_alpha + of_colour.mean())


def test_an_error_that_stays_the_same_is_no_motion() -> None:
    known = truth()
    inner = Truth(known.alpha * 0.5 + 0.2, known.foreground * 0.5 + 0.2, known.clean)
    assert float(losses.matting(right(inner) + 0.1, inner)["motion"]) == pytest.approx(0, abs=1e-6)


def test_one_frame_has_no_motion() -> None:
    known = truth()
    still = Truth(known.alpha[:, :1], known.foreground[:, :1], known.clean)
    found = losses.matting(prediction()[:, :1], still)
    assert float(found["motion"]) == 0
    assert float(found["alpha"]) > 0


@pytest.mark.parametrize("size", [(32, 48), (33, 50), (80, 96), (16, 16), (2, 2)])
def test_the_pyramid_is_that_of_burt_and_adelson(size: tuple[int, int]) -> None:
    difference = torch.rand(2, 1, 1, *size, generator=torch.Generator().manual_seed(2)) - 0.5
    wanted = sum_of_pyramid(difference.double().numpy()[:, 0, 0])
    assert float(losses.pyramid(difference)) == pytest.approx(wanted, rel=1e-5)


def test_the_pyramid_does_not_see_a_constant() -> None:
    assert float(losses.pyramid(torch.full((1, 1, 1, 64, 80), 0.3))) == pytest.approx(0, abs=1e-5)


def test_the_pyramid_of_alphas_is_that_of_their_difference() -> None:
    known, raw = truth(), prediction()
    wanted = losses.pyramid(raw[:, :, 3:] - known.alpha)
    assert float(losses.matting(raw, known)["pyramid"]) == pytest.approx(float(wanted))


def test_natural_clips_have_no_foreground_to_compare() -> None:
    known, raw = truth(), prediction()
    other = known.foreground.clone()
    other[1] = torch.rand_like(other[1])
    before, after = losses.matting(raw, known), losses.matting(raw, known._replace(foreground=other))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_only_natural_clips_leave_alpha_to_learn() -> None:
    known = truth()._replace(clean=torch.zeros(3, 1, 1, 1, 1))
    found = losses.matting(prediction(), known)
    assert float(found["composition"]) == float(found["foreground"]) == 0
    assert float(found["alpha"]) > 0
    assert float(found["motion"]) > 0


def test_where_nobody_is_the_foreground_does_not_count() -> None:
    empty = Truth(torch.zeros(1, 2, 1, 16, 16), torch.rand(1, 2, 3, 16, 16), torch.ones(1, 1, 1, 1, 1))
    raw = torch.cat([torch.rand(1, 2, 3, 16, 16), torch.zeros(1, 2, 1, 16, 16)], dim=2)
    assert all(float(loss) == 0 for loss in losses.matting(raw, empty).values())


def test_the_averaged_truth_averages_colours_of_people_only() -> None:
    known = truth()
    small = losses.reduced(known, 16)
    alpha, foreground = arrays(known.alpha, known.foreground)
    cells = alpha.reshape(3, 4, 1, 2, 16, 3, 16)
    assert np.allclose(small.alpha.numpy(), cells.mean((4, 6)), atol=1e-6)
    there = (cells > 0).astype(float)
    colours = (foreground.reshape(3, 4, 3, 2, 16, 3, 16) * there).sum((4, 6)) / there.sum((4, 6))
    assert np.allclose(small.foreground.numpy()[[0, 2]], colours[[0, 2]], atol=1e-5)
    assert not small.foreground[1].any()


def test_direct_supervision_compares_with_the_averaged_truth() -> None:
    known = truth()
    small = losses.reduced(known, losses.COARSE)
    assert float(losses.direct(right(small).flatten(0, 1), known)) == pytest.approx(0, abs=1e-6)
    coarse = torch.rand(12, 4, 2, 3, generator=torch.Generator().manual_seed(3))
    alpha, foreground, mine = arrays(small.alpha, small.foreground, torch.unflatten(coarse, 0, (3, 4)))
    clean = np.array([1.0, 0.0, 1.0]).reshape(3, 1, 1, 1, 1)
    wanted = np.abs(mine[:, :, 3:] - alpha).mean()
    wanted += (np.abs(mine[:, :, :3] - foreground) * (alpha > 0) * clean).mean()
    assert float(losses.direct(coarse, known)) == pytest.approx(wanted, rel=1e-5)


def test_segmentation_is_the_binary_cross_entropy() -> None:
    logits = torch.linspace(-40, 40, 64).view(1, 1, 8, 8)
    masks = (torch.arange(64).view(1, 1, 8, 8) % 2).float()
    chance = [1 / (1 + math.exp(-value)) if value > -700 else 0.0 for value in logits.flatten().tolist()]
    wanted = [
        -math.log(p) if mask else -math.log1p(-p) if p < 1 else logit
        for p, mask, logit in zip(chance, masks.flatten().tolist(), logits.flatten().tolist(), strict=True)
    ]
    assert float(losses.segmentation(logits, masks)) == pytest.approx(sum(wanted) / 64, rel=1e-3)


def test_a_batch_costs_the_mean_of_its_clips() -> None:
    """So that processes with a share of the clips each add up to one with all of them."""
    known, raw = truth(), prediction()
    whole = losses.matting(raw, known)
    clips = [losses.matting(raw[[i]], Truth(*(part[[i]] for part in known))) for i in range(3)]
    for name, loss in whole.items():
        assert float(loss) == pytest.approx(sum(float(clip[name]) for clip in clips) / 3, rel=1e-5), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_losses_of_half_precision_are_float32_with_finite_gradients(dtype: torch.dtype) -> None:
    known = truth()
    raw = (prediction() * 3 - 1).to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype):
        found = losses.matting(raw, known) | {"coarse": losses.direct(raw[..., :2, :3].flatten(0, 1), known)}
    assert {loss.dtype for loss in found.values()} == {torch.float32}
    torch.stack(list(found.values())).sum().backward()
    assert raw.grad is not None
    assert bool(torch.isfinite(raw.grad).all())
    assert bool(raw.grad.any())


def sum_of_pyramid(pictures: Array) -> float:
    """The pyramid loss of pictures (N, H, W), written as loops over pixels' neighbourhoods."""
    total, x = 0.0, pictures
    for level in range(losses.LEVELS):
        if min(x.shape[1:]) < 3:
            break
        small = blurred(x)[:, ::2, ::2]
        sparse = np.zeros_like(x)
        sparse[:, ::2, ::2] = small
        total += 2**level * np.abs(x - 4 * blurred(sparse)).mean()
        x = small
    return total


def blurred(x: Array) -> Array:
    taps = np.array([1, 4, 6, 4, 1]) / 16
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2)), mode="reflect")
    height, width = x.shape[1:]
    found = np.zeros_like(x)
    for dy, of_row in enumerate(taps):
        for dx, of_column in enumerate(taps):
            found += of_row * of_column * padded[:, dy : dy + height, dx : dx + width]
    return found
