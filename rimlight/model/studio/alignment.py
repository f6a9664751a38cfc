"""Temporal feature alignment (TFA, paper section 4.3): a neighbour's features moved to where the middle frame has them.

Letters: N pictures, C channels, H, W size of the feature map, K = 9 taps.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rimlight.metrics.truth import motion_vectors
from rimlight.model.studio.config import Alignment
from rimlight.model.studio.deformable import deform_conv

TAPS = 9


class DeformAlign(nn.Module):
    """Offsets learned from both frames' features, then a deformable convolution of the neighbour's (equation 2).

    It starts as the identity: offsets are 0 and the kernel hands every channel on.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(16, channels // 2)
        last = nn.Conv2d(hidden, 2 * TAPS, 3, padding=1)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)
        self.offsets = nn.Sequential(nn.Conv2d(2 * channels, hidden, 3, padding=1), nn.ReLU(inplace=True), last)
        self.weight = nn.Parameter(nn.init.dirac_(torch.empty(channels, channels, 3, 3)))

    def forward(self, middle: Tensor, neighbour: Tensor) -> Tensor:
        """middle, neighbour (N, C, H, W); returns the neighbour's features in the middle's places."""
        return deform_conv(neighbour, self.offsets(torch.cat([middle, neighbour], dim=1)), self.weight)


def flow_between(middle: Tensor, neighbour: Tensor) -> Tensor:
    """Where each pixel of the middle pictures lies in the neighbouring ones (N, 2, H, W), y then x, in pixels away.

    middle, neighbour (N, 3, H, W) RGB 0..1. By dense inverse search on the processor; it has no gradient.
    """
    pairs = zip(_bytes(middle), _bytes(neighbour), strict=True)
    flows = np.stack([motion_vectors(one, other)[..., ::-1] for one, other in pairs])  # (N, H, W, 2)
    return torch.from_numpy(np.ascontiguousarray(flows)).permute(0, 3, 1, 2).to(middle.device)


def warp_by_flow(features: Tensor, flow: Tensor) -> Tensor:
    """Features (N, C, H/s, W/s) of a neighbour in the middle's places, by the flow (N, 2, H, W) of whole pictures."""
    height, width = features.shape[2:]
    scale = torch.tensor([height / flow.shape[2], width / flow.shape[3]], device=flow.device).view(1, 2, 1, 1)
    moved = functional.interpolate(flow, (height, width), mode="area") * scale
    one = torch.ones(1, 1, 1, 1, device=features.device)
    each = features.reshape(-1, 1, height, width)  # the same 1x1 kernel for every channel
    spread = moved.repeat_interleave(features.shape[1], dim=0)
    return deform_conv(each, spread, one).reshape(features.shape)


def aligner(kind: Alignment, channels: int) -> nn.Module:
    """What aligns maps of so many channels: learned offsets, or nothing (flow is computed once for all maps)."""
    return DeformAlign(channels) if kind == "deform" else nn.Identity()


def _bytes(images: Tensor) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    array = (images.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return [np.ascontiguousarray(picture) for picture in array]
