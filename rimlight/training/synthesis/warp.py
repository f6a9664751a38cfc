"""Where pixels go: plane maps as 3x3 matrices, and pictures seen through them.

A map takes points (x, y, 1) of one plane to another's, in pixels, (0, 0) being the upper left corner of the upper left
pixel. Maps are NumPy arrays (T, 3, 3) of float64 on the processor: they are tiny, and there exact.
Letters: T frames, N pictures of a still (1) or clip (T), C channels, h, w size of the pictures, H, W of the frames.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

Maps: TypeAlias = npt.NDArray[np.float64]


def shift(y: npt.ArrayLike, x: npt.ArrayLike) -> Maps:
    """Maps (T, 3, 3), or (3, 3) for numbers, that move points by y down and x right."""
    return _affine(1.0, 0.0, x, 0.0, 1.0, y)


def stretch(y: npt.ArrayLike, x: npt.ArrayLike) -> Maps:
    """Maps that enlarge about the origin; negative ones mirror."""
    return _affine(x, 0.0, 0.0, 0.0, y, 0.0)


def turn(degrees: npt.ArrayLike) -> Maps:
    """Maps that turn about the origin, clockwise on the screen."""
    angle = np.radians(np.asarray(degrees, np.float64))
    cos, sin = np.cos(angle), np.sin(angle)
    return _affine(cos, -sin, 0.0, sin, cos, 0.0)


def slant(x: npt.ArrayLike) -> Maps:
    """Maps that move rows sideways by x times their y."""
    return _affine(1.0, x, 0.0, 0.0, 1.0, 0.0)


def about(maps: Maps, y: float, x: float) -> Maps:
    """The same maps with (y, x) as their origin."""
    return np.asarray(shift(y, x) @ maps @ shift(-y, -x))


def inverse(maps: Maps) -> Maps:
    """Maps (T, 3, 3) that lead back."""
    return np.asarray(np.linalg.inv(maps), np.float64)


def moved(maps: Maps, points: npt.ArrayLike) -> Maps:
    """Points (P, 2), each (y, x), through maps (T, 3, 3): (T, P, 2)."""
    flat = np.atleast_2d(np.asarray(points, np.float64))
    whole = np.concatenate([flat[:, ::-1], np.ones((len(flat), 1))], axis=1)  # (P, 3)
    out = whole @ np.swapaxes(maps, -1, -2)
    return np.asarray(out[..., 1::-1])


def enlargement(maps: Maps) -> float:
    """The smallest size that any frame shows a pixel at, as a length."""
    return math.sqrt(float(np.abs(np.linalg.det(maps[..., :2, :2])).min()))


def grid(maps: Maps, size: tuple[int, int], device: torch.device) -> Tensor:
    """Points (T, H, W, 2), (x, y), that the centres of a frame's pixels map to; float32 on the device."""
    height, width = size
    rows = torch.as_tensor(maps[:, :2].astype(np.float32), device=device)[:, :, :, None, None]  # (T, 2, 3, 1, 1)
    y = torch.arange(height, device=device, dtype=torch.float32).add_(0.5)[:, None]
    x = torch.arange(width, device=device, dtype=torch.float32).add_(0.5)[None]
    points = rows[:, :, 0] * x + rows[:, :, 1] * y + rows[:, :, 2]  # (T, 2, H, W)
    return points.permute(0, 2, 3, 1)


def seen(pictures: Tensor, maps: Maps, size: tuple[int, int], outside: str = "zeros") -> Tensor:
    """Frames (T, C, H, W) that show pictures (N, C, h, w), moved by maps (T, 3, 3) from picture to frame.

    Where pictures are seen at half their size or less, whole pixels are averaged first: a camera does not skip any.
    outside: what is beyond the pictures' border, "zeros" or "reflection".
    """
    pictures, maps = averaged(pictures, maps)
    return fetched(pictures.expand(len(maps), -1, -1, -1), inverse(maps), size, outside)


def fetched(pictures: Tensor, maps: Maps, size: tuple[int, int], outside: str) -> Tensor:
    """Frames (T, C, H, W) whose pixels are read from pictures (T, C, h, w) where maps (T, 3, 3) take their centres."""
    height, width = pictures.shape[2:]
    unit = shift(-1, -1) @ stretch(2 / height, 2 / width)  # grid_sample's borders are at -1 and 1
    points = grid(np.asarray(unit @ maps), size, pictures.device)
    return functional.grid_sample(pictures, points, mode="bilinear", padding_mode=outside, align_corners=False)


def averaged(pictures: Tensor, maps: Maps) -> tuple[Tensor, Maps]:
    """Pictures reduced by a whole number as far as the maps reduce them, and the maps of the reduced ones."""
    step = int(1 / max(enlargement(maps), 1e-6) + 0.35)  # a little blur is better than a missed pixel
    step = min(step, *pictures.shape[2:])
    if step < 2:
        return pictures, maps
    small = functional.avg_pool2d(pictures, step, ceil_mode=True, count_include_pad=False)
    return small, np.asarray(maps @ stretch(step, step))


def _affine(*rows: npt.ArrayLike) -> Maps:
    """Maps of two rows of three values, each a number or (T,)."""
    frames = max((np.shape(value) for value in rows), key=len)
    maps = np.zeros((*frames, 3, 3))
    maps[..., 2, 2] = 1.0
    for index, value in enumerate(rows):
        maps[..., index // 3, index % 3] = value
    return maps
