"""The full-resolution pass in plain PyTorch: where Triton is missing, and as the twin that tests hold it against.

Semantics are those of kernels.full: alpha below half a grey level is backdrop, from 7/8 on the foreground fades into
the frame's own colour.

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rimlight.backends.torch_pictures import MIDDLE, UNIT, Uploaded, planes_of
from rimlight.gpu.layout import Form
from rimlight.kernels.color import from_rgb_matrix
from rimlight.kernels.full import samples
from rimlight.types import Size

VISIBLE = 0.5 / 255
FROM_RGB = tuple(from_rgb_matrix().tolist())  # weights of red, green, blue for y, u, v


@dataclass(frozen=True, slots=True)
class Grid:
    """Where output rows and columns lie between coefficients, on the device: first (n,) int32, weight of the next."""

    full: Size
    small: Size
    rows: tuple[Tensor, Tensor]
    columns: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, full: Size, small: Size, place: torch.device) -> Grid:
        def side(inputs: int, outputs: int) -> tuple[Tensor, Tensor]:
            first, weight = samples(inputs, outputs)
            return torch.from_numpy(first.astype("int32")).to(place), torch.from_numpy(weight).to(place)

        return cls(full, small, side(small.height, full.height), side(small.width, full.width))


@dataclass(frozen=True, slots=True)
class Painting:
    """One pass: a frame and its coefficients, what is behind, and where the picture goes.

    behind: (H, W, 3) uint8, (3, h, w) float32, or None for the foreground alone. out: bytes of a picture of that form.
    """

    frame: Uploaded
    scale: Tensor  # (4, h, w)
    offset: Tensor  # (4, h, w)
    behind: Tensor | None
    decontaminate: bool
    out: Tensor
    form: Form


def paint(grid: Grid, work: Painting) -> None:
    """Write the picture."""
    own, grey = _read(work.frame)
    alpha = torch.clamp(_stretched(grid, work.scale[3]) * grey + _stretched(grid, work.offset[3]), 0, 1)
    shown = own
    if work.decontaminate:
        person = torch.clamp(_stretched(grid, work.scale[:3]) * own + _stretched(grid, work.offset[:3]), 0, 1)
        shown = person + torch.clamp(alpha * 8 - 7, min=0) * (own - person)
    if work.behind is not None:
        behind = _behind(grid, work.behind)
        shown = behind + torch.where(alpha < VISIBLE, 0, alpha) * (shown - behind)
    _write(grid.full, shown, alpha, work)


def _read(frame: Uploaded) -> tuple[Tensor, Tensor]:
    """The frame's colours (3, H, W) and the guide of alpha (H, W), clamped as a whole."""
    if frame.form != "i420":
        own = frame.rgb.permute(2, 0, 1) * UNIT
        return own, own.mean(0)
    luma, chroma = frame.planes
    size, matrix = frame.size, frame.matrix
    u, v = (plane - MIDDLE for plane in chroma)
    added = torch.stack([matrix[2] * v, matrix[3] * u + matrix[4] * v, matrix[5] * u])  # (3, ceil(H/2), ceil(W/2))
    added = added.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, : size.height, : size.width]
    grey = (luma - matrix[0]) * matrix[1]
    own, guide = (grey + added) * UNIT, (grey + added.mean(0)) * UNIT
    return own.clamp_(0, 1), guide.clamp_(0, 1)


def _stretched(grid: Grid, low: Tensor) -> Tensor:
    """Low (..., h, w) between its cells: (..., H, W)."""
    for side, (first, weight) in ((-1, grid.columns), (-2, grid.rows)):
        one = low.index_select(side, first)
        share = weight if side == -1 else weight[:, None]
        low = one + share * (low.index_select(side, first + 1) - one)
    return low


def _behind(grid: Grid, behind: Tensor) -> Tensor:
    """What stands behind as (3, H, W) float32."""
    if behind.dtype != torch.uint8:
        return _stretched(grid, behind)
    return behind.permute(2, 0, 1) * UNIT


def _write(full: Size, shown: Tensor, alpha: Tensor, work: Painting) -> None:
    """Colours (3, H, W) and alpha (H, W) into the picture's own form."""
    if work.form != "i420":
        channels = shown if work.form == "rgb" else torch.cat([shown, alpha[None]])
        target = work.out.view(full.height, full.width, len(channels))
        target.copy_((channels * 255 + 0.5).to(torch.uint8).permute(1, 2, 0))
        return
    luma, chroma = planes_of(work.out, full)
    luma.copy_(_mixed(shown, 0, 16.5))
    odd = functional.pad(shown, (0, full.width % 2, 0, full.height % 2), mode="replicate")
    blocks = functional.avg_pool2d(odd, 2)
    chroma[0].copy_(_mixed(blocks, 3, 128.5))
    chroma[1].copy_(_mixed(blocks, 6, 128.5))


def _mixed(colours: Tensor, first: int, offset: float) -> Tensor:
    """Red, green, blue (3, ...) weighted from that place of FROM_RGB, as uint8."""
    red, green, blue = (colours[c] * (FROM_RGB[first + c] * 255) for c in range(3))
    total: Tensor = red + green + blue + offset
    return total.to(torch.uint8)
