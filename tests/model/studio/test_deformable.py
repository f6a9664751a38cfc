"""Deformable convolution against a loop over pixels and taps, and as the plain one it is without offsets."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rimlight.model.studio.deformable import deform_conv


def read(picture: Tensor, y: float, x: float) -> Tensor:
    """Channels of a picture (C, H, W) at a place between pixels, zero outside."""
    top, left = math.floor(y), math.floor(x)
    value = torch.zeros(picture.shape[0])
    for row, share_y in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, share_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            if 0 <= row < picture.shape[1] and 0 <= column < picture.shape[2]:
                value += share_y * share_x * picture[:, row, column]
    return value


def by_loops(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    number, _, height, width = x.shape
    outputs, _, side, _ = weight.shape
    found = torch.zeros(number, outputs, height, width)
    for n in range(number):
        for row in range(height):
            for column in range(width):
                for tap in range(side * side):
                    y = row + tap // side - side // 2 + float(offsets[n, 2 * tap, row, column])
                    x_ = column + tap % side - side // 2 + float(offsets[n, 2 * tap + 1, row, column])
                    kernel = weight[:, :, tap // side, tap % side]  # (O, C)
                    found[n, :, row, column] += kernel @ read(x[n], y, x_)
    return found


@pytest.mark.parametrize("side", [1, 3])
def test_it_is_the_loop_over_pixels_and_taps(side: int) -> None:
    x, weight = torch.randn(2, 3, 5, 7), torch.randn(4, 3, side, side)
    offsets = 2.5 * torch.randn(2, 2 * side * side, 5, 7)  # many beyond the border
    assert torch.allclose(deform_conv(x, offsets, weight), by_loops(x, offsets, weight), atol=1e-4)


def test_without_offsets_it_is_the_plain_convolution() -> None:
    x, weight = torch.randn(2, 3, 6, 9), torch.randn(4, 3, 3, 3)
    plain = functional.conv2d(x, weight, padding=1)
    assert torch.allclose(deform_conv(x, torch.zeros(2, 18, 6, 9), weight), plain, atol=1e-5)


def test_offsets_have_a_gradient() -> None:
    offsets = torch.full((1, 18, 4, 4), 0.3, requires_grad=True)
    deform_conv(torch.randn(1, 2, 4, 4), offsets, torch.randn(2, 2, 3, 3)).square().sum().backward()  # type: ignore[no-untyped-call]
    assert offsets.grad is not None
    assert bool((offsets.grad != 0).any())


class Layer(nn.Module):
    """Offsets and kernel as inputs, so that the file holds the arithmetic alone."""

    def forward(self, x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
        return deform_conv(x, offsets, weight)


def test_onnx_runtime_says_the_same(tmp_path: Path) -> None:
    inputs = (torch.randn(1, 3, 8, 10), torch.randn(1, 18, 8, 10), torch.randn(4, 3, 3, 3))
    file = tmp_path / "layer.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own use of PyTorch
        torch.onnx.export(Layer(), inputs, file, input_names=["x", "offsets", "weight"], opset_version=17, dynamo=False)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = ("x", "offsets", "weight")
    (found,) = session.run(None, {name: one.numpy() for name, one in zip(names, inputs, strict=True)})
    assert np.abs(found - deform_conv(*inputs).numpy()).max() < 1e-4
