"""What JPEG does to pictures, on the device: blocks of 8x8 in the frequency domain, rounded; colour at half the size.

Letters: T frames, C channels, H, W size of the frames, h, w of a plane, multiples of 8.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

BLOCK = 8
UNIT = 16  # pixels of a block of colour, which is coded at half the size
# ITU-T T.81, tables K.1 and K.2: steps of the frequencies of brightness and of colour at quality 50.
BRIGHTNESS = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
COLOUR = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32,
)  # fmt: skip
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))  # JFIF (T.871)
TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
MIDDLE = 128 / 255


def squeezed(x: Tensor, quality: float) -> Tensor:
    """Frames (T, 3, H, W) 0..1 as they are after JPEG of a quality from 1 to 100 with colour at half size (4:2:0)."""
    height, width = x.shape[2:]
    padded = functional.pad(x, (0, -width % UNIT, 0, -height % UNIT), mode="replicate")
    ycc = mixed(padded, TO_YCC)
    brightness = _coded(ycc[:, :1] - MIDDLE, _steps(BRIGHTNESS, quality, x.device)) + MIDDLE
    colour = _coded(functional.avg_pool2d(ycc[:, 1:], 2), _steps(COLOUR, quality, x.device))
    colour = functional.interpolate(colour, scale_factor=2.0, mode="bilinear", align_corners=False)
    back = mixed(torch.cat([brightness, colour], dim=1), TO_RGB)
    return torch.clamp(back[:, :, :height, :width], 0, 1)


def mixed(x: Tensor, rows: tuple[tuple[float, ...], ...]) -> Tensor:
    """Channels of (T, C, H, W) mixed by a matrix of as many rows as there are to be."""
    matrix = x.new_tensor(rows)
    return torch.unflatten(matrix @ x.flatten(2), 2, tuple(x.shape[2:]))


def _coded(plane: Tensor, steps: Tensor) -> Tensor:
    """Planes (T, C, h, w) after rounding of their frequencies to steps (8, 8)."""
    count = torch.arange(BLOCK, device=plane.device, dtype=torch.float32)
    waves = torch.cos((2 * count[None] + 1) * count[:, None] * math.pi / (2 * BLOCK)) / 2  # T.81, A.3.3
    waves[0] /= math.sqrt(2)
    high, wide = plane.shape[2] // BLOCK, plane.shape[3] // BLOCK
    blocks = plane.reshape(*plane.shape[:2], high, BLOCK, wide, BLOCK).transpose(3, 4)  # (T, C, h/8, w/8, 8, 8)
    found = (waves @ (blocks @ waves.T)) * 255
    kept = torch.round(found / steps) * steps / 255
    return (waves.T @ (kept @ waves)).transpose(3, 4).flatten(4, 5).flatten(2, 3)


def _steps(table: tuple[int, ...], quality: float, device: torch.device) -> Tensor:
    """Steps (8, 8) of a quality, scaled as the Independent JPEG Group's library does."""
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    steps = torch.tensor(table, dtype=torch.float32, device=device).view(BLOCK, BLOCK)
    return torch.clamp(torch.floor((steps * percent + 50) / 100), 1, 255)
