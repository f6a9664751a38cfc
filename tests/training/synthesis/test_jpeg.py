"""The device's JPEG against a real encoder."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from rimlight.training.synthesis.jpeg import squeezed
from rimlight.types import UInt8Array

from .made import room


def tensor(image: UInt8Array) -> Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1).copy())[None].float() / 255


def encoded(image: UInt8Array, quality: int) -> UInt8Array:
    """Through OpenCV's encoder with colour at half the size."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    data = cv2.imencode(".jpg", image[:, :, ::-1], options)[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[:, :, ::-1].copy()


def noisy_room(height: int = 64, width: int = 96) -> UInt8Array:
    noise = np.random.default_rng(3).normal(0, 12, (height, width, 1))
    return np.asarray(np.clip(room(2, height, width) + noise, 0, 255), np.uint8)


@pytest.mark.parametrize("quality", [20, 50, 90])
def test_pictures_come_out_as_from_an_encoder(quality: int) -> None:
    """They differ by the encoder's rounding to whole numbers between its steps: far less than the loss itself."""
    image = noisy_room()
    ours, theirs = squeezed(tensor(image), quality) * 255, tensor(encoded(image, quality)) * 255
    apart = (ours - theirs).abs()
    lost = (theirs - tensor(image) * 255).abs().mean()
    assert apart.mean() < 0.4 * lost
    assert apart.mean() < 1.5


def test_less_quality_loses_more() -> None:
    image = tensor(noisy_room())
    losses = [float((squeezed(image, quality) - image).abs().mean()) for quality in (95, 70, 40, 15, 5)]
    assert losses == sorted(losses)
    assert losses[0] < 0.02


@pytest.mark.parametrize("grey", [0.0, 0.25, 1.0])
def test_even_grey_stays(grey: float) -> None:
    even = torch.full((1, 3, 32, 32), grey)
    assert torch.allclose(squeezed(even, 90.0), even, atol=2 / 255)


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (16, 16)], ids=str)
def test_any_size_keeps_its_size_and_range(size: tuple[int, int]) -> None:
    out = squeezed(torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(2)), 10.0)
    assert out.shape == (2, 3, *size)
    assert out.min() >= 0
    assert out.max() <= 1
