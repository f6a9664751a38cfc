"""What a camera and its wire do to composed pictures; the truth of person and backdrop stays sharp and clean.

Letters: T frames, H, W size of the frames.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rimlight.training.synthesis import warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.filters import blurred, coarsened
from rimlight.training.synthesis.jpeg import squeezed
from rimlight.training.synthesis.plan import Faults
from rimlight.training.synthesis.warp import Maps

OPEN = 5  # moments of an open shutter that are averaged
LEVELS = 255
SHOT = 0.7  # share of the noise's variance at mid grey that grows with the light
GREY = 0.6  # share of the noise that all three colours have in common
UNSHARP_SIGMA = 1.0


def smeared(
    foreground: Tensor, alpha: Tensor, backdrop: Tensor, motions: tuple[Maps, Maps], shutter: float
) -> Tensor:  # fmt: skip
    """Images (T, 3, H, W) with the blur of person's and backdrop's movement while the shutter is open.

    foreground, backdrop (T, 3, H, W); alpha (T, 1, H, W). motions: of person and backdrop to the next frame (T, 3, 3).
    shutter: open for that share of a frame, half of it before the frame's moment.
    """
    size = (alpha.shape[2], alpha.shape[3])
    person = torch.cat([alpha * foreground, alpha], dim=1)
    image = torch.zeros_like(foreground)
    for moment in np.linspace(-0.5, 0.5, OPEN) * shutter:
        ahead = [np.eye(3) + moment * (motion - np.eye(3)) for motion in motions]
        layer = warp.fetched(person, ahead[0], size, outside="border")
        behind = warp.fetched(backdrop, ahead[1], size, outside="border")
        image += layer[:, :3] + (1 - layer[:, 3:]) * behind
    return torch.clamp(image / OPEN, 0, 1)


def degraded(dice: Dice, images: Tensor, faults: Faults) -> Tensor:
    """Images (T, 3, H, W) 0..1 through lens, sensor, the camera's own processing and the wire, in this order."""
    height = images.shape[2]
    if dice.chance(faults.soft):
        images = blurred(images, dice.between(0.2, 1.0) * faults.soft_radius * height)
    if dice.chance(faults.noise):
        images = noisy(dice.of("noise"), images, dice.magnitude(*faults.noise_level))
    if dice.chance(faults.sharpen):
        amount = dice.between(*faults.sharpen_by)
        images = torch.clamp(images + amount * (images - blurred(images, UNSHARP_SIGMA)), 0, 1)
    if dice.chance(faults.rescale):
        images = coarsened(images, dice.between(*faults.rescale_to))
    if dice.chance(faults.squeeze):
        images = squeezed(images, dice.between(*faults.quality))
    return torch.round(torch.clamp(images, 0, 1) * LEVELS) / LEVELS


def noisy(dice: Dice, images: Tensor, level: float) -> Tensor:
    """Images (T, 3, H, W) with a sensor's noise, whose deviation is level at mid grey; new in every frame.

    Its variance grows with the light (photon noise) from a floor (reading), and part of it is coarser than a pixel, as
    after a camera's own denoising.
    """
    frames, _, height, width = images.shape
    fine = dice.of("fine").grain((frames, 4, height, width), images.device)
    half = dice.of("coarse").grain((frames, 4, height // 2 + 1, width // 2 + 1), images.device)
    coarse = functional.interpolate(half, (height, width), mode="bilinear", align_corners=False) * 1.5
    share = dice.unit()
    grain = ((1 - share) * fine + share * coarse) / ((1 - share) ** 2 + share**2) ** 0.5
    coloured = GREY * grain[:, :1] + (1 - GREY**2) ** 0.5 * grain[:, 1:]
    deviation = level * torch.sqrt(1 - SHOT + SHOT * 2 * images)
    return torch.clamp(images + deviation * coloured, 0, 1)
