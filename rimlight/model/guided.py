"""Deep guided filter (Wu et al. 2018): a linear model per pixel that carries a small matte to the full picture.

Letters: N frames, h, w internal size, H, W full size; channels are red, green, blue and alpha.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def guide_of(image: Tensor) -> Tensor:
    """Picture (N, 3, h, w) with its mean over RGB as fourth channel, the guide of alpha."""
    return torch.cat([image, image.mean(1, keepdim=True)], dim=1)


def box3(x: Tensor) -> Tensor:
    """3x3 mean with replicated border, shape kept."""
    return functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


class GuidedFilter(nn.Module):
    """Learns `scale` from covariance, variance and the decoder's features; `offset` follows from the means."""

    def __init__(self, hidden: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(8 + hidden, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
            nn.Conv2d(width, 4, 1),
        )  # fmt: skip

    def forward(self, image: Tensor, target: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients (N, 4, h, w) each, float32: in half precision the variance has no digits left.

        image (N, 3, h, w); target (N, 4, h, w) foreground and alpha; hidden (N, 16, h, w).
        """
        with torch.autocast(image.device.type, enabled=False):
            x, y = guide_of(image.float()), target.float()
            mean_x, mean_y = box3(x), box3(y)
            covariance = box3(x * y) - mean_x * mean_y
            variance = box3(x * x) - mean_x * mean_x
            scale = self.conv(torch.cat([covariance, variance, hidden.float()], dim=1))
            return scale, mean_y - scale * mean_x


def refine(scale: Tensor, offset: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """Full-resolution foreground (N, 3, H, W) and alpha (N, 1, H, W), 0..1.

    scale, offset (N, 4, h, w); image (N, 3, H, W). The reference for the compiled pass of rimlight.compose.
    """
    size = image.shape[2:]
    up_scale = functional.interpolate(scale, size, mode="bilinear", align_corners=False)
    up_offset = functional.interpolate(offset, size, mode="bilinear", align_corners=False)
    refined = torch.clamp(up_scale * guide_of(image) + up_offset, 0, 1)
    return refined[:, :3], refined[:, 3:]
