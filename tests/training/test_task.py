"""What a step computes, at one size and at two, for both encoders."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rimlight.model.config import EncoderName, ModelConfig
from rimlight.model.guided import refine
from rimlight.model.network import MattingNetwork
from rimlight.training import task
from rimlight.training.config import LossWeights
from rimlight.training.shapes import Shapes
from rimlight.training.task import Task

from .runs import ALONE, TINY

STILL, CLIP, FULL = range(3)


def network(encoder: EncoderName = "mobilenet_v3_large") -> MattingNetwork:
    torch.manual_seed(0)
    return MattingNetwork(ModelConfig(encoder=encoder))


@pytest.mark.parametrize("encoder", ["mobilenet_v3_large", "resnet50"])
def test_every_part_of_both_encoders_networks_learns_from_full_pictures(encoder: EncoderName) -> None:
    own, source = network(encoder), Shapes(TINY, ALONE.device)
    found = Task(own, in_bfloat16=False)(source.clip(FULL, 0), source.photos(FULL, 0), 2)
    assert set(found) == set(task.NAMES)
    task.total(found, LossWeights()).backward()
    assert not [name for name, parameter in own.named_parameters() if parameter.grad is None]


def test_without_photos_and_full_pictures_there_are_fewer_losses() -> None:
    source = Shapes(TINY, ALONE.device)
    found = Task(network(), in_bfloat16=False)(source.clip(CLIP, 0), None, 0)
    assert set(found) == {"alpha", "pyramid", "composition", "foreground", "motion", "coarse"}


def test_at_factor_1_the_network_sees_the_full_picture() -> None:
    source = Shapes(TINY, ALONE.device)
    own = Task(network().eval(), in_bfloat16=False)
    without, beside = (own(source.clip(FULL, 0), None, factor) for factor in (0, 1))
    assert torch.equal(without["alpha"], beside["alpha"])
    assert float(beside["full_alpha"].detach()) > 0


def test_in_bfloat16_losses_stay_float32_and_gradients_finite() -> None:
    own, source = network(), Shapes(TINY, ALONE.device)
    found = Task(own, in_bfloat16=True)(source.clip(FULL, 0), source.photos(FULL, 0), 2)
    assert {loss.dtype for loss in found.values()} == {torch.float32}
    task.total(found, LossWeights()).backward()
    gradients = [parameter.grad for parameter in own.parameters() if parameter.grad is not None]
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


def test_the_filter_without_a_clamp_is_the_filter_of_use_but_for_the_clamp() -> None:
    random = torch.Generator().manual_seed(1)
    scale, offset = (torch.randn(2, 3, 4, 8, 12, generator=random) for _ in range(2))
    images = torch.rand(2, 3, 3, 24, 36, generator=random)
    foreground, alpha = refine(scale.flatten(0, 1), offset.flatten(0, 1), images.flatten(0, 1))
    found = task.filtered(scale, offset, images)
    assert float(found.min()) < 0
    assert float(found.max()) > 1
    assert torch.equal(found.clamp(0, 1).flatten(0, 1), torch.cat([foreground, alpha], dim=1))


def test_the_total_is_the_weighted_sum() -> None:
    found = {"alpha": torch.tensor(2.0), "full_alpha": torch.tensor(3.0), "coarse": torch.tensor(5.0)}
    weights = LossWeights(alpha=0.5, full=2.0, coarse=0.0)
    assert float(task.total(found, weights)) == 0.5 * 2 + 2 * 0.5 * 3
    assert float(task.total(found, replace(weights, full=0.0))) == 1
