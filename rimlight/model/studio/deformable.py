"""Deformable convolution (Dai et al. 2017; paper equation 2) out of grid_sample, so that it runs and exports anywhere.

Letters: N pictures, C input, O output channels, K taps of the kernel, H, W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def deform_conv(x: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    """Convolve x, every tap read at its place plus an offset, by bilinear interpolation; zero beyond the border.

    x (N, C, H, W); offsets (N, 2K, H, W) in pixels, y then x of tap 0, then of tap 1 and so on, taps by rows; weight
    (O, C, k, k), k odd, K = k*k. Returns (N, O, H, W). With offsets 0 it is the convolution with padding k//2.
    """
    number, channels, height, width = x.shape
    outputs, _, side, _ = weight.shape
    y, x_ = _places(side, height, width, offsets)  # (N, K, H, W) each
    grid = torch.stack([(2 * x_ + 1) / width - 1, (2 * y + 1) / height - 1], dim=-1)  # (N, K, H, W, 2)
    grid = grid.reshape(number, side * side * height, width, 2)
    read = functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    columns = read.reshape(number, channels * side * side, height * width)
    out = weight.reshape(outputs, channels * side * side) @ columns  # (N, O, H*W)
    return out.reshape(number, outputs, height, width)


def _places(side: int, height: int, width: int, offsets: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns (N, K, H, W) that the taps read."""
    taps = torch.arange(side * side, device=offsets.device, dtype=offsets.dtype).view(1, -1, 1, 1)
    tap_y = torch.div(taps, side, rounding_mode="floor")
    tap_x = taps - side * tap_y
    rows = torch.arange(height, device=offsets.device, dtype=offsets.dtype).view(1, 1, -1, 1)
    columns = torch.arange(width, device=offsets.device, dtype=offsets.dtype).view(1, 1, 1, -1)
    y = rows + tap_y - side // 2 + offsets[:, 0::2]
    x = columns + tap_x - side // 2 + offsets[:, 1::2]
    return y, x
