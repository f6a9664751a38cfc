"""Pictures and trimaps that can be told apart."""

from __future__ import annotations

import torch
from torch import Tensor


def picture(height: int, width: int, seed: int = 0, number: int = 1) -> Tensor:
    """(N, 3, H, W), 0..1."""
    return torch.rand(number, 3, height, width, generator=torch.Generator().manual_seed(seed))


def trimap(height: int, width: int, seed: int = 0, number: int = 1) -> Tensor:
    """(N, 3, H, W), one-hot."""
    classes = torch.randint(0, 3, (number, height, width), generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.one_hot(classes, 3).permute(0, 3, 1, 2).float()
