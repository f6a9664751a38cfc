"""Light that person and backdrop share, or do not: fitting one to the other, shadows, light from a side.

Letters: T frames, H, W size of the frames.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from rimlight.training.synthesis import warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.filters import blurred
from rimlight.training.synthesis.plan import Looks

BRIGHTNESS, TINT = 0.6, 0.35  # how far a fitted person's mean goes towards the backdrop's
SPREAD = (0.7, 1.4)  # limits of the fitted contrast: faces keep being faces
SHADOW_STEP = 4  # shadows are soft, so they are made at a quarter of the size
SHADOW_SIGMA = (0.01, 0.06)  # heights
SHADOW_SHIFT = 0.12
TINY = 1e-4


def matched(person: Tensor, alpha: Tensor, backdrop: Tensor, share: float) -> Tensor:
    """Colours (T, 3, H, W) of the person with mean and contrast a share of the way to the backdrop's.

    alpha (T, 1, H, W); backdrop (T, 3, H, W). As Reinhard's colour transfer (2001), in RGB, the same for all frames.
    """
    own, own_spread = _statistics(person, alpha)
    there, there_spread = _statistics(backdrop, 1 - alpha)
    gain = torch.clamp(there_spread / own_spread, *SPREAD) ** share
    change = there - own  # (1, 3, 1, 1)
    brighter = change.mean(dim=1, keepdim=True)
    mean = own + share * (BRIGHTNESS * brighter + TINT * (change - brighter))
    return torch.clamp((person - own) * gain + mean, 0, 1)


def shaded(dice: Dice, backdrop: Tensor, alpha: Tensor, looks: Looks) -> Tensor:
    """Backdrop (T, 3, H, W) with the soft shadow of who stands before it; alpha (T, 1, H, W)."""
    height, width = alpha.shape[2:]
    small = functional.interpolate(alpha, (max(1, height // SHADOW_STEP), max(1, width // SHADOW_STEP)), mode="area")
    rows, columns = small.shape[2:]
    down, aside = dice.between(-0.3, 1) * SHADOW_SHIFT * rows, dice.between(-1, 1) * SHADOW_SHIFT * rows
    maps = warp.shift([down] * len(alpha), aside)
    thrown = warp.seen(small, maps, (rows, columns), outside="border")
    soft = blurred(thrown, dice.magnitude(*SHADOW_SIGMA) * rows)
    full = functional.interpolate(soft, (height, width), mode="bilinear", align_corners=False)
    return backdrop * (1 - dice.between(0.2, 1.0) * looks.shadow_depth * full)


def lit_from_a_side(dice: Dice, frames: int, size: tuple[int, int], looks: Looks, device: torch.device) -> Tensor:
    """Gains (T, 1, H, W) of light from a direction that hardly changes."""
    height, width = size
    depth, angle = dice.between(0.2, 1.0) * looks.gradient_depth, dice.between(0, 2 * math.pi)
    turning = dice.either_way(0.01)  # radians a frame
    angles = angle + turning * torch.arange(frames, device=device, dtype=torch.float32)[:, None, None, None]
    y = torch.linspace(-1, 1, height, device=device)[:, None]
    x = torch.linspace(-1, 1, width, device=device)[None]
    return torch.clamp(1 + depth * (torch.cos(angles) * x + torch.sin(angles) * y), min=0)


def _statistics(x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean colour (1, 3, 1, 1) and deviation of the brightness (1, 1, 1, 1) of frames (T, 3, H, W)."""
    total = weights.sum() + TINY
    mean = (x * weights).sum(dim=(0, 2, 3), keepdim=True) / total
    off = (x - mean).mean(dim=1, keepdim=True)
    return mean, torch.sqrt((off * off * weights).sum() / total + TINY).view(1, 1, 1, 1)
