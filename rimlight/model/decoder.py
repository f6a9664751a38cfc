"""Residual up-sampling decoder from 1/16 back to the picture (paper section 3.3).

Letters: N frames, H, W internal size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def _normed(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs)]


class UpBlock(nn.Module):
    """Double the size, join the skip feature and the averaged picture, two 3x3 convolutions with a 1x1 shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(*_normed(inputs, outputs, 3), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(*_normed(outputs, outputs, 3))
        self.skip = nn.Sequential(*_normed(inputs, outputs, 1))

    def forward(self, x: Tensor, *sides: Tensor) -> Tensor:
        up = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        joined = torch.cat([up, *sides], dim=1)
        return torch.relu(self.conv2(self.conv1(joined)) + self.skip(joined))


class Decoder(nn.Module):
    """From the memory's output (N, 2*Cv, h, w) to hidden features (N, 16, H, W)."""

    def __init__(self, inputs: int, skips: tuple[int, ...], channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        half, quarter, eighth = skips
        self.up8 = UpBlock(inputs + eighth + 3, channels[0])
        self.up4 = UpBlock(channels[0] + quarter + 3, channels[1])
        self.up2 = UpBlock(channels[1] + half + 3, channels[2])
        self.up1 = UpBlock(channels[2] + 3, channels[3])
        last = channels[3]
        self.out = nn.Sequential(
            *_normed(last, last, 3), nn.ReLU(inplace=True), *_normed(last, last, 3), nn.ReLU(inplace=True)
        )

    def forward(self, x: Tensor, skips: list[Tensor], image: Tensor) -> Tensor:
        half, quarter, eighth = skips
        image2 = functional.avg_pool2d(image, 2)
        image4 = functional.avg_pool2d(image2, 2)
        image8 = functional.avg_pool2d(image4, 2)
        x = self.up8(x, eighth, image8)
        x = self.up4(x, quarter, image4)
        x = self.up2(x, half, image2)
        hidden: Tensor = self.out(self.up1(x, image))
        return hidden
