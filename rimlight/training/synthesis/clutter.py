"""Things in a room that are taken for people: curtains, bedding, cushions, chairs, clothes on a hook, furniture.

Drawn from formulas or cut out of other backdrops, and put into a backdrop with which they move.
Letters: T frames, H, W size of the frames, h, w of the sheet that things are drawn on, larger by a margin.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rimlight.training.synthesis import warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.plan import Range
from rimlight.training.synthesis.pool import Entry
from rimlight.training.synthesis.warp import Maps

MARGIN = 0.15  # of the frame's height that the sheet reaches beyond it, for movement
WAVES = 4  # of a cloth's folds
HALO = 0.12  # heights that a thing darkens what is behind it
SKIN, PLAIN = 0.2, 0.3  # shares of things in the colours of skin, and without colour
WEAVE = 0.02


@dataclass(frozen=True, slots=True)
class Kind:
    """Ranges of what a thing is like; lengths are shares of the frame's height.

    y: of its middle, from the top. half_height, half_width. corners: exponent of the superellipse that it is: 2 round,
    12 a box. taper: how much narrower it is above. ragged: how much its edge waves. folds: depth; along: how much more
    they run down than across. pasted: share that shows a piece of another backdrop. tilt: degrees either way.
    """

    y: Range
    half_height: Range
    half_width: Range
    corners: Range
    taper: Range = (0.0, 0.0)
    ragged: Range = (0.0, 0.0)
    folds: Range = (0.0, 0.0)
    along: float = 1.0
    pasted: float = 0.0
    tilt: float = 0.0


CURTAIN = Kind((0.1, 0.5), (0.7, 1.1), (0.1, 0.45), (12, 20), (-0.1, 0.1), (0, 0.03), (0.3, 0.9), 12, 0.3, 2)
BEDDING = Kind((0.8, 1.15), (0.2, 0.55), (0.4, 1.2), (2.2, 4), (0, 0.2), (0.02, 0.12), (0.2, 0.7), 1, 0.4, 10)
CUSHION = Kind((0.4, 1.0), (0.07, 0.22), (0.1, 0.3), (2.4, 5), (0, 0.1), (0, 0.04), (0.05, 0.3), 1, 0.3, 25)
CHAIR = Kind((0.75, 1.15), (0.25, 0.6), (0.14, 0.35), (3, 9), (-0.1, 0.3), (0, 0.02), (0.05, 0.25), 2, 0.2, 8)
CLOTHES = Kind((0.3, 0.8), (0.2, 0.5), (0.08, 0.25), (2.5, 5), (0.2, 0.7), (0.02, 0.1), (0.3, 0.9), 5, 0.2, 8)
FURNITURE = Kind((0.2, 1.0), (0.1, 0.5), (0.1, 0.5), (10, 20), (0, 0), (0, 0), (0, 0.1), 1, 0.7, 4)
PIECE = Kind((0.1, 1.0), (0.1, 0.4), (0.1, 0.5), (2, 6), (-0.2, 0.4), (0, 0.15), (0, 0), 1, 1.0, 20)
KINDS = (CURTAIN, BEDDING, CUSHION, CHAIR, CLOTHES, FURNITURE, PIECE)


def cluttered(dice: Dice, backdrop: Tensor, moving: Maps, others: Sequence[Entry], count: int) -> Tensor:
    """Backdrop (T, 3, H, W) with that many things in it, which follow its movement `moving` (T, 3, 3).

    others: backdrops that pieces are cut out of.
    """
    height, width = backdrop.shape[2:]
    margin = round(MARGIN * height)
    size = (height + 2 * margin, width + 2 * margin)
    sheet = torch.zeros(1, 4, *size, device=backdrop.device)  # colours times opacity, opacity
    for number in range(count):
        sheet = _put(sheet, *_thing(dice.of(number), size, height, others, backdrop.device))
    seen = warp.seen(sheet, np.asarray(moving @ warp.shift(-margin, -margin)), (height, width))
    return torch.clamp(seen[:, :3] + (1 - seen[:, 3:]) * backdrop, 0, 1)


def colour(dice: Dice) -> tuple[float, float, float]:
    """Red, green and blue of a thing: of cloth, of skin, or without colour."""
    sort = dice.unit()
    value = dice.between(0.15, 0.95)
    if sort < SKIN:
        return colorsys.hsv_to_rgb(dice.between(0.02, 0.1), dice.between(0.2, 0.6), max(value, 0.35))
    if sort < SKIN + PLAIN:
        return colorsys.hsv_to_rgb(dice.unit(), dice.between(0, 0.08), dice.between(0.03, 1.0))
    return colorsys.hsv_to_rgb(dice.unit(), dice.magnitude(0.08, 0.7), value)


def _thing(
    dice: Dice, size: tuple[int, int], unit: int, others: Sequence[Entry], device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Colours (3, h, w), opacity (1, h, w) and shadow (1, h, w) of a thing on the sheet; unit: the frame's height."""
    kind = dice.one(KINDS)
    half = dice.magnitude(*kind.half_height) * unit, dice.magnitude(*kind.half_width) * unit
    middle = dice.between(*kind.y) * unit + (size[0] - unit) / 2, dice.between(0, 1) * size[1]
    tilt = math.radians(dice.either_way(kind.tilt))
    v, u = _place(size, middle, half, tilt, device)  # -1 to 1 on the thing, (h, w)
    distance = _distance(dice, kind, v, u)
    softness = dice.magnitude(0.7, 0.01 * unit + 0.8) / min(half)
    opacity = torch.clamp((1 - distance) / softness + 0.5, 0, 1)
    shadow = torch.clamp((1 - distance) * min(half) / (HALO * unit) + 1, 0, 1) * dice.between(0, 0.5)
    shade = _folds(dice, kind, v * half[0] / unit, u * half[1] / unit)
    if dice.chance(kind.pasted) and others:
        surface = _pasted(dice, dice.one(others), size, middle, half)
    else:
        surface = _surface(dice, v, u, half)
    weave = 1 + WEAVE * dice.of("weave").grain(size, device)
    return torch.clamp(surface * shade * weave, 0, 1), opacity[None], shadow[None]


def _put(sheet: Tensor, colours: Tensor, opacity: Tensor, shadow: Tensor) -> Tensor:
    """The sheet (1, 4, h, w) with a thing on top, and its shadow below it."""
    darker = torch.cat([sheet[:, :3] * (1 - shadow), 1 - (1 - sheet[:, 3:]) * (1 - shadow)], dim=1)
    top = torch.cat([colours * opacity, opacity])[None]
    return top + (1 - opacity) * darker


def _place(
    size: tuple[int, int], middle: tuple[float, float], half: tuple[float, float], tilt: float, device: torch.device
) -> tuple[Tensor, Tensor]:  # fmt: skip
    y = torch.arange(size[0], device=device, dtype=torch.float32)[:, None] + 0.5 - middle[0]
    x = torch.arange(size[1], device=device, dtype=torch.float32)[None] + 0.5 - middle[1]
    cos, sin = math.cos(tilt), math.sin(tilt)
    return (y * cos - x * sin) / half[0], (x * cos + y * sin) / half[1]


def _distance(dice: Dice, kind: Kind, v: Tensor, u: Tensor) -> Tensor:
    """1 on the edge of a thing, less inside (h, w): a superellipse, narrower above, with a waving edge."""
    corners, taper = dice.between(*kind.corners), dice.between(*kind.taper)
    u = u / torch.clamp(1 + taper * (v - 1) / 2, min=0.1)
    far = (v.abs().clamp(max=8) ** corners + u.abs().clamp(max=8) ** corners) ** (1 / corners)
    ragged = dice.between(*kind.ragged)
    rates = [dice.between(3, 12) for _ in range(4)]
    waves = torch.sin(rates[0] * v + 9 * dice.unit()) * torch.sin(rates[1] * u + 9 * dice.unit())
    waves = waves + 0.5 * torch.sin(rates[2] * (v + u)) + 0.5 * torch.sin(rates[3] * (v - u))
    return far + ragged * waves


def _folds(dice: Dice, kind: Kind, y: Tensor, x: Tensor) -> Tensor:
    """Light on a cloth (h, w), about 1: the slope of a few waves towards a lamp; y, x in heights."""
    depth = dice.between(*kind.folds)
    slope = torch.zeros_like(y)
    for _ in range(WAVES):
        rate = dice.magnitude(8, 60)
        down, across = dice.either_way(1.0) / kind.along, dice.either_way(1.0)
        length = math.hypot(down, across) + 1e-3
        bend = 0.3 * torch.sin(dice.between(3, 9) * (y if kind.along > 1 else x + y) + 9 * dice.unit())
        slope = slope + torch.cos(rate * ((down * y + across * x) / length + bend / rate * 3) + 9 * dice.unit())
    lamp = 1 + 0.3 * dice.either_way(1.0) * x - 0.3 * dice.unit() * y
    return torch.clamp((1 + depth * slope / WAVES) * lamp, min=0.05)


def _surface(dice: Dice, v: Tensor, u: Tensor, half: tuple[float, float]) -> Tensor:
    """Colours (3, h, w): plain, striped, or chequered in two colours."""
    first, second = (torch.tensor(colour(dice), device=v.device).view(3, 1, 1) for _ in range(2))
    sort = dice.unit()
    if sort < 0.6:
        return first.expand(3, *v.shape)
    rate = dice.magnitude(2, 12)
    stripes = torch.clamp(torch.sin(math.pi * rate * u) * half[1] / rate, -1, 1)
    if sort > 0.85:
        rows = rate * half[0] / half[1]
        stripes = stripes * torch.clamp(torch.sin(math.pi * rows * v) * half[1] / rate, -1, 1)
    share = (0.5 + 0.5 * stripes) * dice.between(0.2, 1.0)
    return first + share * (second - first)


def _pasted(
    dice: Dice, other: Entry, size: tuple[int, int], middle: tuple[float, float], half: tuple[float, float]
) -> Tensor:  # fmt: skip
    """Colours (3, h, w): a piece of another backdrop where the thing is."""
    height, width = other.size
    scale = dice.magnitude(1.0, 2.5) * max(2 * half[0] / height, 2 * half[1] / width)
    y, x = dice.between(0.25, 0.75) * height, dice.between(0.25, 0.75) * width
    maps = warp.shift(*middle) @ warp.turn(dice.either_way(15)) @ warp.stretch(scale, scale) @ warp.shift(-y, -x)
    picture = other.images[dice.index(other.frames)][None].float() / 255
    return warp.seen(picture, maps[None], size, outside="reflection")[0]
