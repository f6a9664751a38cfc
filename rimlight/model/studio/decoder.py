"""Decoder by sub-pixel convolution (Shi et al. 2016): a convolution makes four times the channels, which become pixels.

Letters: N pictures, C channels, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class SubPixelUp(nn.Module):
    """Double the size, join the skip feature, one 3x3 convolution."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.spread = nn.Sequential(
            nn.Conv2d(inputs, 4 * outputs, 3, padding=1, bias=False), nn.BatchNorm2d(4 * outputs), nn.ReLU(inplace=True)
        )
        self.shuffle = nn.PixelShuffle(2)
        self.join = nn.Sequential(
            nn.Conv2d(outputs + skip, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        joined: Tensor = self.join(torch.cat([self.shuffle(self.spread(x)), skip], dim=1))
        return joined


class SubPixelDecoder(nn.Module):
    """From the deepest map up through the skips, coarse to fine; as many doublings as there are skips."""

    def __init__(self, inputs: int, skips: Sequence[int], outputs: Sequence[int]) -> None:
        super().__init__()
        steps = zip([inputs, *outputs], skips, outputs, strict=False)
        self.steps = nn.ModuleList(SubPixelUp(before, skip, after) for before, skip, after in steps)

    def forward(self, x: Tensor, skips: Sequence[Tensor]) -> Tensor:
        for step, skip in zip(self.steps, skips, strict=True):
            x = step(x, skip)
        return x
