"""Colour as cameras and rooms vary it: exposure, contrast, saturation, hue, gamma and white balance, drifting slowly.

Letters: T frames, H, W size of the frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.plan import Looks

LUMA = np.array([0.299, 0.587, 0.114])
TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
SLOW = (40.0, 200.0)  # frames of a swing of the camera's automatic exposure and white balance
DIM = (1.0, 2.0)  # stops that dark rooms lack
Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Colours after: (matrix (T, 3, 4) times (r, g, b, 1), clamped to 0..1) to the power of exponent (T,)."""

    matrix: npt.NDArray[np.float64]
    exponent: Curve


def look(dice: Dice, frames: int, looks: Looks, amount: float = 1.0, dark: bool = False) -> Look:
    """A look drawn by the plan's amounts, times `amount`; dark: of a dark room."""
    most = (
        looks.exposure, looks.warmth, looks.warmth / 2, looks.saturation, looks.hue, looks.contrast, looks.brightness,
        looks.gamma,
    )  # fmt: skip
    changes = amount * drifts(dice, frames, np.array(most), looks.drift)
    stops, warm, tint, saturated, hue, contrasted, brightness, gamma = changes
    gain = 2 ** (stops - (dice.between(*DIM) if dark else 0.0))
    saturation = np.maximum(0.0, 1 + saturated)
    if dice.chance(looks.grey) and amount:
        saturation = np.zeros(frames)
    balance = np.stack([1 + warm, 1 + tint, 1 - warm], axis=1)[:, None]  # (T, 1, 3): of the matrix's columns
    mixed = _saturated(saturation) @ _turned(np.radians(hue)) * balance
    contrast = np.maximum(0.0, 1 + contrasted)
    matrix = np.empty((frames, 3, 4))
    matrix[:, :, :3] = (gain * contrast)[:, None, None] * mixed
    matrix[:, :, 3] = (gain * (0.5 - 0.5 * contrast) + brightness)[:, None]
    return Look(matrix, 2**gamma)


def recoloured(x: Tensor, change: Look) -> Tensor:
    """Frames (T, 3, H, W) 0..1 with another look."""
    matrix = x.new_tensor(change.matrix.astype(np.float32))  # (T, 3, 4)
    exponent = x.new_tensor(change.exponent.astype(np.float32))[:, None, None, None]
    linear = (matrix[:, :, :3] @ x.flatten(2) + matrix[:, :, 3:]).view(x.shape)
    return linear.clamp_(0, 1).pow_(exponent)


def drifts(dice: Dice, frames: int, most: Curve, share: float) -> npt.NDArray[np.float64]:
    """(n, T) values that change slowly, each from -most to most (n,), by up to that share of it."""
    drawn = np.array([(dice.unit(), dice.either_way(1.0), dice.unit(), dice.unit()) for _ in most])
    swing, middle, period, phase = drawn.T[:, :, None]  # each (n, 1)
    rate = 2 * math.pi / (SLOW[0] + (SLOW[1] - SLOW[0]) * period)
    slow = np.sin(rate * np.arange(frames) + 2 * math.pi * phase)
    swing = share * swing
    return np.asarray(most[:, None] * ((1 - swing) * middle + swing * slow))


def _saturated(saturation: Curve) -> npt.NDArray[np.float64]:
    """(T, 3, 3) that keep brightness."""
    part = saturation[:, None, None]
    return np.asarray(part * np.eye(3) + (1 - part) * np.broadcast_to(LUMA, (3, 3)))


def _turned(angles: Curve) -> npt.NDArray[np.float64]:
    """(T, 3, 3) that turn the hue by angles in radians, in YIQ."""
    cos, sin = np.cos(angles), np.sin(angles)
    turns = np.zeros((len(angles), 3, 3))
    turns[:, 0, 0] = 1
    turns[:, 1, 1], turns[:, 1, 2], turns[:, 2, 1], turns[:, 2, 2] = cos, -sin, sin, cos
    return np.asarray(np.linalg.inv(TO_YIQ) @ turns @ TO_YIQ)
