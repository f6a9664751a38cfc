"""MobileNetV3-Large features with the last stage dilated (Howard et al. 2019), so that the map stays at 1/16.

Module names follow `torchvision.models.mobilenet_v3_large().features`, so that weights of that layout load as they are.
Letters: N pictures, H, W height and width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Row(NamedTuple):
    """One inverted residual of Table 1 of the MobileNetV3 paper, after dilation."""

    kernel: int
    expanded: int
    out: int
    squeeze: bool
    hard_swish: bool
    stride: int = 1
    dilation: int = 1


STEM = 16
HEAD = 960
TAPS = (1, 3, 6, 16)  # modules whose outputs are used
CHANNELS = (16, 24, 40, HEAD)  # at 1/2, 1/4, 1/8, 1/16
ROWS = (
    Row(3, 16, 16, False, False),
    Row(3, 64, 24, False, False, 2),
    Row(3, 72, 24, False, False),
    Row(5, 72, 40, True, False, 2),
    Row(5, 120, 40, True, False),
    Row(5, 120, 40, True, False),
    Row(3, 240, 80, False, True, 2),
    Row(3, 200, 80, False, True),
    Row(3, 184, 80, False, True),
    Row(3, 184, 80, False, True),
    Row(3, 480, 112, True, True),
    Row(3, 672, 112, True, True),
    Row(5, 672, 160, True, True, dilation=2),
    Row(5, 960, 160, True, True, dilation=2),
    Row(5, 960, 160, True, True, dilation=2),
)


def _normed(
    inputs: int, outputs: int, kernel: int, activation: type[nn.Module] | None,
    stride: int = 1, groups: int = 1, dilation: int = 1,
) -> nn.Sequential:  # fmt: skip
    padding = (kernel - 1) // 2 * dilation
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)]
    return nn.Sequential(*layers, *([activation(inplace=True)] if activation else []))


class SqueezeExcite(nn.Module):
    """Channel gate with a hard sigmoid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(8, int(channels / 4 + 4) // 8 * 8)
        if squeezed < 0.9 * channels / 4:
            squeezed += 8
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True))))  # (N, C, 1, 1)
        return x * nn.functional.hardsigmoid(gate)


class InvertedResidual(nn.Module):
    """Expand, depthwise, gate, project; a shortcut where shapes allow."""

    def __init__(self, inputs: int, row: Row) -> None:
        super().__init__()
        activation: type[nn.Module] = nn.Hardswish if row.hard_swish else nn.ReLU
        layers: list[nn.Module] = []
        if row.expanded != inputs:
            layers.append(_normed(inputs, row.expanded, 1, activation))
        layers.append(
            _normed(row.expanded, row.expanded, row.kernel, activation, row.stride, row.expanded, row.dilation)
        )
        if row.squeeze:
            layers.append(SqueezeExcite(row.expanded))
        layers.append(_normed(row.expanded, row.out, 1, None))
        self.block = nn.Sequential(*layers)
        self.shortcut = row.stride == 1 and inputs == row.out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.shortcut else y


class MobileNetV3Large(nn.Module):
    """Maps normalised pictures (N, 3, H, W) to features at 1/2, 1/4, 1/8 and 1/16 with CHANNELS channels."""

    channels = CHANNELS

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_normed(3, STEM, 3, nn.Hardswish, stride=2)]
        inputs = STEM
        for row in ROWS:
            layers.append(InvertedResidual(inputs, row))
            inputs = row.out
        layers.append(_normed(inputs, HEAD, 1, nn.Hardswish))
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        taps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in TAPS:
                taps.append(x)
        return taps
