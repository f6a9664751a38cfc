"""Linear filters along rows and columns as matrices: blur, and a smaller size and back, by any amount in one shape.

Letters: T frames, C channels, H, W size of the frames, n their height or width.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST_SIGMA = 1e-3  # below, the matrix is the identity


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Frames (T, C, H, W) by a Gaussian of sigma pixels; at the borders its weights are those of what is there."""
    height, width = x.shape[2:]
    return apart(x, gaussian(height, sigma, x.device), gaussian(width, sigma, x.device))


def coarsened(x: Tensor, share: float) -> Tensor:
    """Frames (T, C, H, W) averaged to a share of their size and enlarged again, as a poor camera sends them."""
    height, width = x.shape[2:]
    return apart(x, there_and_back(height, share, x.device), there_and_back(width, share, x.device))


def apart(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """rows (H, H) and columns (W, W) applied to frames (T, C, H, W)."""
    return rows @ (x @ columns.T)


def gaussian(count: int, sigma: float, device: torch.device) -> Tensor:
    """(n, n), rows sum to 1."""
    places = torch.arange(count, device=device, dtype=torch.float32)
    far = (places[:, None] - places[None]) / max(sigma, LEAST_SIGMA)
    weights = torch.exp(-0.5 * far * far)
    return weights / weights.sum(dim=1, keepdim=True)


def there_and_back(count: int, share: float, device: torch.device) -> Tensor:
    """(n, n): area average to round(share * n) pixels and bilinear enlargement to n."""
    fewer = max(1, round(share * count))
    step = count / fewer
    large = torch.arange(count, device=device, dtype=torch.float32)
    small = torch.arange(fewer, device=device, dtype=torch.float32)
    ends = torch.minimum((small[:, None] + 1) * step, large[None] + 1)
    starts = torch.maximum(small[:, None] * step, large[None])
    down = torch.clamp(ends - starts, min=0) / step  # (fewer, n)
    read = torch.clamp((large + 0.5) / step - 0.5, 0, fewer - 1)
    up = torch.clamp(1 - (read[:, None] - small[None]).abs(), min=0)  # (n, fewer)
    return up @ down
