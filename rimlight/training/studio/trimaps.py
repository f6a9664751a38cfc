"""Trimaps made from a true alpha by dilation and erosion, as the paper's section 5.1 makes them.

Letters: N pictures, T frames, H, W size of the pictures.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rimlight.training.losses import SURE
from rimlight.training.studio.marks import Marks
from rimlight.training.synthesis.dice import Dice


def reach_of(kernel: int, iterations: int) -> int:
    """Pixels by which so many iterations of a square kernel widen a region; kernels of even size are taken centred."""
    return max(1, round((kernel - 1) * iterations / 2))


def made(alpha: Tensor, inwards: int, outwards: int) -> Tensor:
    """One-hot trimaps (N, 3, H, W) of backdrop, unknown and foreground.

    alpha (N, 1, H, W), 0..1; inwards: pixels that the foreground loses to the unknown; outwards: that the backdrop
    does. Beyond the border all goes on as at it.
    """
    foreground = 1 - widened((alpha < 1 - SURE).float(), inwards)
    backdrop = 1 - widened((alpha > SURE).float(), outwards)
    return torch.cat([backdrop, 1 - foreground - backdrop, foreground], dim=1)


def drawn(dice: Dice, alpha: Tensor, marks: Marks) -> Tensor:
    """Trimaps (T, 3, H, W) of a clip's alpha (T, 1, H, W), of one random width in all frames."""
    inwards, outwards = (_reach(dice, marks) for _ in range(2))
    return made(alpha, inwards, outwards)


def widened(mask: Tensor, pixels: int) -> Tensor:
    """A mask (N, 1, H, W) of 0 and 1 dilated by a square of 2*pixels+1."""
    side = 2 * pixels + 1
    rows = functional.max_pool2d(mask, (side, 1), 1, (pixels, 0))
    return functional.max_pool2d(rows, (1, side), 1, (0, pixels))


def _reach(dice: Dice, marks: Marks) -> int:
    kernel = marks.kernels[0] + dice.index(marks.kernels[1] - marks.kernels[0] + 1)
    iterations = marks.iterations[0] + dice.index(marks.iterations[1] - marks.iterations[0] + 1)
    return reach_of(kernel, iterations)
