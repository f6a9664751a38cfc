"""ResNet-50 features with the last stage dilated (He et al. 2016), the paper's larger encoder.

Module names follow `torchvision.models.resnet50()`, so that weights of that layout load as they are, without `fc`.
Letters: N pictures, H, W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS = (64, 256, 512, 2048)  # at 1/2, 1/4, 1/8, 1/16
EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        outputs = width * EXPANSION
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.bn3(self.conv3(y)) + shortcut)


def _stage(inputs: int, width: int, blocks: int, stride: int, dilation: int) -> nn.Sequential:
    first = Bottleneck(inputs, width, stride, min(dilation, 1))
    rest = [Bottleneck(width * EXPANSION, width, 1, dilation) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)


class Trunk(nn.Module):
    """What all ResNets share: the first layers, and the way through the four stages that a subclass makes."""

    layer1: nn.Module
    layer2: nn.Module
    layer3: nn.Module
    layer4: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        half = torch.relu(self.bn1(self.conv1(x)))  # (N, 64, H/2, W/2)
        quarter = self.layer1(self.maxpool(half))
        eighth = self.layer2(quarter)
        return [half, quarter, eighth, self.layer4(self.layer3(eighth))]


class ResNet50(Trunk):
    """Maps normalised pictures (N, 3, H, W) to features at 1/2, 1/4, 1/8 and 1/16 with CHANNELS channels."""

    channels = CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = _stage(64, 64, 3, 1, 1)
        self.layer2 = _stage(256, 128, 4, 2, 1)
        self.layer3 = _stage(512, 256, 6, 2, 1)
        self.layer4 = _stage(1024, 512, 3, 1, 2)
