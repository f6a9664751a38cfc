"""The correlation layer is a mean over the reference, and propagation takes any size."""

from __future__ import annotations

import pytest
import torch

from rimlight.model.studio.config import StudioConfig
from rimlight.model.studio.correlation import correlate, recall
from rimlight.model.studio.propagation import TrimapPropagation

from .pictures import picture, trimap

TINY = StudioConfig("propagation", context_channels=16, key_channels=8, decoder_channels=(8, 8, 8, 8))


def test_weights_of_the_reference_sum_to_one() -> None:
    weights = correlate(torch.randn(2, 8, 3, 4), torch.randn(2, 8, 5, 6))
    assert weights.shape == (2, 12, 30)
    assert torch.allclose(weights.sum(2), torch.ones(2, 12))


def test_what_is_recalled_lies_within_the_references_values() -> None:
    values = torch.rand(1, 5, 3, 3)
    found = recall(torch.randn(1, 8, 4, 4), torch.randn(1, 8, 3, 3), values)
    assert found.shape == (1, 5, 4, 4)
    assert bool((found <= values.amax((2, 3), keepdim=True) + 1e-6).all())
    assert bool((found >= values.amin((2, 3), keepdim=True) - 1e-6).all())


def test_a_target_like_the_reference_gets_its_own_values_back() -> None:
    keys = 60 * torch.eye(12).view(1, 12, 3, 4)  # every position unlike all others
    values = torch.randn(1, 3, 3, 4)
    assert torch.allclose(recall(keys, keys, values), values, atol=1e-4)


def test_a_shifted_target_gets_shifted_values() -> None:
    keys = 60 * torch.eye(12).view(1, 12, 3, 4)
    values = torch.randn(1, 3, 3, 4)
    found = recall(keys.roll(1, dims=3), keys, values)
    assert torch.allclose(found, values.roll(1, dims=3), atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(16, 16), (32, 80), (96, 48)])
def test_any_size_in_multiples_of_sixteen(height: int, width: int) -> None:
    network = TrimapPropagation(TINY).eval()
    reference = network.remember(picture(height, width), trimap(height, width))
    assert reference.keys.shape == (1, 8, height // 16, width // 16)
    assert network(picture(height, width, 1), reference).shape == (1, 3, height, width)


@torch.inference_mode()
def test_reference_and_target_may_differ_in_size() -> None:
    network = TrimapPropagation(TINY).eval()
    reference = network.remember(picture(32, 48), trimap(32, 48))
    assert network(picture(64, 32), reference).shape == (1, 3, 64, 32)


@torch.inference_mode()
def test_a_new_network_does_not_see_the_trimap_yet() -> None:
    """Its weights start at zero, so that the encoder starts as the one without."""
    network = TrimapPropagation(TINY).eval()
    one = network.remember(picture(32, 48), trimap(32, 48))
    other = network.remember(picture(32, 48), trimap(32, 48).flip(1))
    assert torch.equal(one.values, other.values)
    torch.nn.init.normal_(network.reference.backbone.features[0][0].extra)  # type: ignore[index, union-attr]
    moved = network.remember(picture(32, 48), trimap(32, 48))
    assert not torch.equal(one.values, moved.values)


@torch.inference_mode()
@pytest.mark.parametrize("encoder", ["resnet34", "resnet50"])
def test_the_papers_encoders_fit(encoder: str) -> None:
    network = TrimapPropagation(StudioConfig("propagation", encoder)).eval()  # type: ignore[arg-type]
    reference = network.remember(picture(32, 32), trimap(32, 32))
    assert network(picture(32, 32), reference).shape == (1, 3, 32, 32)
