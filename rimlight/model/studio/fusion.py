"""Temporal feature fusion (TFF, paper section 4.3), and the simpler ways that the paper's tables set against it.

Letters: N pictures, T = 2n+1 frames, C channels, H, W size of the feature map.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rimlight.model.studio.config import StudioConfig
from rimlight.model.studio.correlation import recall

SQUEEZE = 4


class GlobalConv(nn.Module):
    """A large kernel as the sum of two separable ones, k x 1 then 1 x k and the other way round (Peng et al. 2017)."""

    def __init__(self, channels: int, reach: int) -> None:
        super().__init__()
        tall, wide = (reach, 1), (1, reach)
        high, across = (reach // 2, 0), (0, reach // 2)
        self.down = nn.Sequential(
            nn.Conv2d(channels, channels, tall, padding=high), nn.Conv2d(channels, channels, wide, padding=across)
        )
        self.over = nn.Sequential(
            nn.Conv2d(channels, channels, wide, padding=across), nn.Conv2d(channels, channels, tall, padding=high)
        )

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.down(x) + self.over(x)
        return summed


class AttentionFusion(nn.Module):
    """TFF: channel attention, spatial attention, a 1x1 convolution to C channels, and a global convolution."""

    def __init__(self, channels: int, frames: int, reach: int) -> None:
        super().__init__()
        joined = channels * frames
        self.channel = nn.Sequential(
            nn.Linear(joined, joined // SQUEEZE), nn.ReLU(inplace=True), nn.Linear(joined // SQUEEZE, joined)
        )
        self.spatial = nn.Conv2d(joined, 1, 3, padding=1)
        self.reduce = nn.Conv2d(joined, channels, 1)
        self.wide = GlobalConv(channels, reach)

    def forward(self, maps: Tensor) -> Tensor:
        """maps (N, T, C, H, W), the middle frame in the middle; returns what is added to it (N, C, H, W)."""
        x = maps.flatten(1, 2)  # (N, T*C, H, W)
        x = x * torch.sigmoid(self.channel(x.mean((2, 3))))[:, :, None, None]
        x = x * torch.sigmoid(self.spatial(x))
        x = self.reduce(x)
        fused: Tensor = x + self.wide(torch.relu(x))
        return fused


class NaiveFusion(nn.Module):
    """All frames' channels in one 1x1 convolution."""

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels * frames, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """maps (N, T, C, H, W); returns (N, C, H, W)."""
        fused: Tensor = self.reduce(maps.flatten(1, 2))
        return fused


class CrossFusion(nn.Module):
    """Attention from every position of the middle frame to every position of its neighbours."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 2, 1)
        self.key = nn.Conv2d(channels, channels // 2, 1)
        self.value = nn.Conv2d(channels, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """maps (N, T, C, H, W); returns (N, C, H, W)."""
        number, frames = maps.shape[:2]
        flat = maps.flatten(0, 1)
        keys = torch.unflatten(self.key(flat), 0, (number, frames)).transpose(1, 2).flatten(3)  # (N, C/2, T, h*w)
        values = torch.unflatten(self.value(flat), 0, (number, frames)).transpose(1, 2).flatten(3)
        return recall(self.query(maps[:, frames // 2]), keys, values)


class Scaled(nn.Module):
    """A fusion whose share in the middle frame's features is learned per channel, from 0 on."""

    def __init__(self, fusion: nn.Module, channels: int) -> None:
        super().__init__()
        self.fusion = fusion
        self.share = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """maps (N, T, C, H, W); returns the middle frame's (N, C, H, W) with what the window adds."""
        added: Tensor = maps[:, maps.shape[1] // 2] + self.share * self.fusion(maps)
        return added


def fusion_of(config: StudioConfig, channels: int, stride: int) -> nn.Module:
    """What joins the maps of one stride; attention over positions is for the coarsest only, finer ones go naively."""
    frames = config.frames
    if config.fuse == "attention":
        return Scaled(AttentionFusion(channels, frames, config.reach), channels)
    if config.fuse == "cross" and stride == max(config.fused):
        return Scaled(CrossFusion(channels), channels)
    return Scaled(NaiveFusion(channels, frames), channels)
