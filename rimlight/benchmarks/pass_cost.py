"""Arithmetic and bytes of the full-resolution pass, from the formulas of rimlight.kernels.full.

An operation is one addition, multiplication or comparison on one value; two make a MAC, as in torch_macs.
The count is an upper bound: every pixel as if the person were there, though runs of pure backdrop are only copied.

Letters: H, W full size; h, w internal size; t, a weights of a lerp; x the frame's colour or its mean.
"""

from __future__ import annotations

from dataclasses import dataclass

from rimlight.types import Size

COEFFICIENTS = 8  # scale and offset of red, green, blue and alpha
SOFT_CHANNELS = 3
FLOAT_BYTES = 4
LERP = 3  # p + t * (q - p)
CLAMP = 2

# Operations for each pixel. Chroma is read and written for each 2x2 block: a quarter of its operations count here.
READ = {"rgb": 3, "i420": 18}  # to 0..1; from planes two products and sums more for each channel, and a clamp
ALPHA = 3 + 2 * LERP + 2 + CLAMP  # mean of RGB; scale and offset between two rows; scale * x + offset
FADE = 3 + LERP  # weight of the frame's own colour where alpha nears 1, and its lerp
FOREGROUND = 3 * (2 * LERP + 2 + CLAMP + FADE)
BEHIND = {"sharp": 3, "soft": SOFT_CHANNELS * LERP, "transparent": 0}
OVER = {"sharp": 3 * LERP, "soft": 3 * LERP, "transparent": 0}
WRITE = {"rgb": 3 * 2, "rgba": 4 * 2, "i420": 6 + 23 / 4}  # to 0..255, rounded; planes by a 3x3 matrix
BYTES = {"rgb": 3.0, "rgba": 4.0, "i420": 1.5}


@dataclass(frozen=True, slots=True)
class PassCost:
    """Of one frame: operations, and bytes read from and written to memory, where each picture is touched once."""

    operations: int
    read_bytes: int
    written_bytes: int

    @property
    def macs(self) -> int:
        return self.operations // 2


def pass_cost(full: Size, small: Size, source: str, target: str, backdrop: str) -> PassCost:
    """Cost of a frame of size full with coefficients of size small.

    source: rgb or i420. target: rgb, rgba or i420. backdrop: sharp (a picture as RGB), soft or transparent.
    """
    pixels, cells = full.height * full.width, small.height * small.width
    channels = COEFFICIENTS + (SOFT_CHANNELS if backdrop == "soft" else 0)
    each = READ[source] + ALPHA + FOREGROUND + BEHIND[backdrop] + OVER[backdrop] + WRITE[target]
    stretched = channels * LERP * small.height * full.width  # every coefficient row once, to full width
    behind = pixels * BYTES["rgb"] if backdrop == "sharp" else 0
    read = pixels * BYTES[source] + behind + channels * FLOAT_BYTES * cells
    return PassCost(round(pixels * each + stretched), round(read), round(pixels * BYTES[target]))
