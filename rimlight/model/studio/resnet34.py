"""ResNet-34 features with the last stage dilated (He et al. 2016), the paper's encoder of trimap propagation.

Module names follow `torchvision.models.resnet34()`, so that weights of that layout load as they are, without `fc`.
Letters: N pictures, H, W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rimlight.model.resnet import Trunk

CHANNELS = (64, 64, 128, 512)  # at 1/2, 1/4, 1/8, 1/16


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return torch.relu(self.bn2(self.conv2(y)) + shortcut)


def _stage(inputs: int, outputs: int, blocks: int, stride: int, dilation: int = 1) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride, 1)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1, dilation) for _ in range(blocks - 1)))


class ResNet34(Trunk):
    """Maps normalised pictures (N, 3, H, W) to features at 1/2, 1/4, 1/8 and 1/16 with CHANNELS channels."""

    channels = CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = _stage(64, 64, 3, 1)
        self.layer2 = _stage(64, 128, 4, 2)
        self.layer3 = _stage(128, 256, 6, 2)
        self.layer4 = _stage(256, 512, 3, 1, dilation=2)
