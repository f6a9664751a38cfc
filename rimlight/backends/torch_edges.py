"""compose.adjust_edges and compose.blurred on the device, in plain PyTorch.

A Gaussian along one side, with the border that OpenCV would give it, is a matrix: at internal sizes the product is
cheaper than its many taps would be.

Letters: h, w internal size.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rimlight.compose import EdgeOptions
from rimlight.types import FloatArray, Size

SHARPEST = 0.1  # sigma of a feather
COARSE_SIGMA = 8  # from here on the blur works at half the size
# The 9x9 ellipse of cv2.getStructuringElement as rectangles (height, width) that cover it together.
ELLIPSE = ((9, 1), (7, 7), (3, 9))


def low_alpha(scale: Tensor, offset: Tensor, small: Tensor) -> Tensor:
    """The matte at internal size (h, w), 0..1, of scale, offset (4, h, w) and the frame they came from (3, h, w)."""
    return torch.clamp(scale[3] * small.mean(0) + offset[3], 0, 1)


def adjusted(
    scale: Tensor, offset: Tensor, small: Tensor, full: Size, options: EdgeOptions
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Coefficients (4, h, w) whose alpha is feathered and shifted; the given ones if there is nothing to do."""
    if not options.feather_px and not options.shift:
        return scale, offset
    scale, offset = scale.clone(), offset.clone()
    if options.feather_px:
        sigma = max(options.feather_px * small.shape[2] / full.width, SHARPEST)
        offset[3] = smoothed(low_alpha(scale, offset, small), sigma, edge_twice=False)
        scale[3] = 0
    gain = 1 + abs(options.shift) * 2
    scale[3] *= gain
    offset[3] = offset[3] * gain + min(0.0, 2 * options.shift)
    return scale, offset


def blurred(scale: Tensor, offset: Tensor, small: Tensor, strength: float) -> Tensor:
    """The scene (3, h, w) without the person of scale, offset (4, h, w), blurred; strength 0..1."""
    height, width = small.shape[1:]
    sigma = (0.01 + 0.07 * strength) * max(height, width)
    factor = 2 if sigma >= COARSE_SIGMA else 1
    weight = 1 - dilated(low_alpha(scale, offset, small))
    weighted = torch.cat([small * weight, weight[None]])  # (4, h, w)
    reduced = functional.avg_pool2d(weighted, factor)
    near = smoothed(reduced, sigma / factor, edge_twice=True)
    far = reduced.mean((1, 2), keepdim=True) + 1e-6
    mixed = (near[:3] + 0.01 * far[:3] / far[3]) / (near[3] + 0.01)
    if factor > 1:
        mixed = functional.interpolate(mixed[None], (height, width), mode="bilinear", align_corners=False)[0]
    return mixed.clamp(0, 1)


def dilated(alpha: Tensor) -> Tensor:
    """The largest value of alpha (h, w) within an ellipse of 9x9 about each cell."""
    found = [
        functional.max_pool2d(alpha[None], sides, stride=1, padding=(sides[0] // 2, sides[1] // 2)) for sides in ELLIPSE
    ]
    return torch.stack(found).amax(0)[0]


def smoothed(x: Tensor, sigma: float, *, edge_twice: bool) -> Tensor:
    """Gaussian of x (..., h, w) in both directions; edge_twice: whether the mirror shows the border's own cells."""
    height, width = x.shape[-2:]
    stream = torch.cuda.current_stream(x.device).cuda_stream if x.is_cuda else 0
    down, across = (_gaussian(cells, sigma, edge_twice, x.device, stream) for cells in (height, width))
    return down @ x @ across.T


@lru_cache(maxsize=32)
def _gaussian(cells: int, sigma: float, edge_twice: bool, place: torch.device, _stream: int) -> Tensor:
    """The matrix on the device, one for each stream: whose memory is given back in one stream's order only."""
    return torch.from_numpy(gaussian(cells, sigma, edge_twice)).to(place)


def gaussian(cells: int, sigma: float, edge_twice: bool) -> FloatArray:
    """The matrix (cells, cells) of a Gaussian as OpenCV's of float pictures."""
    reach = (round(sigma * 8 + 1) | 1) // 2
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    index = np.arange(cells)[:, None] + np.arange(-reach, reach + 1)
    period = max(1, 2 * cells if edge_twice else 2 * cells - 2)
    index = index % period
    index = np.where(index < cells, index, period - (1 if edge_twice else 0) - index)
    matrix = np.zeros((cells, cells))
    np.add.at(matrix, (np.arange(cells)[:, None], index), np.broadcast_to(taps / taps.sum(), index.shape))
    return matrix.astype(np.float32)
