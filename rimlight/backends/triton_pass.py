"""The full-resolution pass as one Triton kernel: the frame is read once, the picture written once, nothing between.

A program works on a pair of rows and BLOCK columns, so that a chroma sample is made by the program that has its four
pixels. Beyond an odd edge the last row and column are read again: there they count twice in chroma.

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from rimlight.backends.torch_pass import FROM_RGB, Grid, Painting

BLOCK = 256
RGB, RGBA, PLANES = 0, 1, 2
FORMS = {"rgb": RGB, "rgba": RGBA, "i420": PLANES}
NOTHING, SHARP, SOFT = 0, 1, 2


def paint(grid: Grid, work: Painting) -> None:
    """Write the picture."""
    full, behind = grid.full, _kind(work.behind)
    programs = (triton.cdiv(full.width, BLOCK), (full.height + 1) // 2)
    _paint[programs](
        work.frame.picture, work.frame.matrix, work.scale, work.offset,
        work.frame.picture if work.behind is None else work.behind, work.out,
        *grid.rows, *grid.columns, full.height, full.width, grid.small.height, grid.small.width, *FROM_RGB,
        FORMS[work.frame.form], behind, work.decontaminate, FORMS[work.form], BLOCK,
        enable_fp_fusion=True,  # said aloud: Triton 3.9 warns of a default that will change
    )  # fmt: skip


def _kind(behind: Tensor | None) -> int:
    if behind is None:
        return NOTHING
    return SHARP if behind.dtype == torch.uint8 else SOFT


@triton.jit
def _unit(x):  # type: ignore[no-untyped-def]
    """Clamp to 0..1."""
    return tl.minimum(tl.maximum(x, 0.0), 1.0)


@triton.jit
def _between(maps, channel, cells, width, row, down, column, across):  # type: ignore[no-untyped-def]
    """One channel of maps (C, h, w) between its cells; row, column: of the first, down, across: weights of the next."""
    at = maps + channel * cells + row * width + column
    one, two = tl.load(at), tl.load(at + 1)
    three, four = tl.load(at + width), tl.load(at + width + 1)
    above, below = one + across * (two - one), three + across * (four - three)
    return above + down * (below - above)


@triton.jit
def _chroma(frame, matrix, y, x, height, width):  # type: ignore[no-untyped-def]
    """What chroma adds to red, green and blue at pixels y, x, of 0..255."""
    wide = (width + 1) // 2
    at = frame + height * width + (y // 2) * wide + x // 2
    u = tl.load(at).to(tl.float32) - 128.0
    v = tl.load(at + ((height + 1) // 2) * wide).to(tl.float32) - 128.0
    return (
        tl.load(matrix + 2) * v,
        tl.load(matrix + 3) * u + tl.load(matrix + 4) * v,
        tl.load(matrix + 5) * u,
    )


@triton.jit
def _colours(picture, y, x, width):  # type: ignore[no-untyped-def]
    """Red, green and blue 0..1 of (H, W, 3) at pixels y, x."""
    at = picture + (y * width + x) * 3
    unit = 1.0 / 255
    return (
        tl.load(at).to(tl.float32) * unit,
        tl.load(at + 1).to(tl.float32) * unit,
        tl.load(at + 2).to(tl.float32) * unit,
    )


@triton.jit  # type: ignore[untyped-decorator]
def _read(frame, matrix, y, x, height, width, planes: tl.constexpr):  # type: ignore[no-untyped-def]
    """Red, green, blue and the guide of alpha at pixels y, x."""
    if planes:
        unit = 1.0 / 255
        r, g, b = _chroma(frame, matrix, y, x, height, width)
        grey = (tl.load(frame + y * width + x).to(tl.float32) - tl.load(matrix)) * tl.load(matrix + 1)
        red, green, blue = _unit((grey + r) * unit), _unit((grey + g) * unit), _unit((grey + b) * unit)
        guide = _unit((grey + (r + g + b) / 3) * unit)
    else:
        red, green, blue = _colours(frame, y, x, width)
        guide = (red + green + blue) / 3
    return red, green, blue, guide


@triton.jit
def _person(own, scale, offset, channel, cells, wide, row, down, column, across, weight):  # type: ignore[no-untyped-def]
    """Decontaminated foreground of one channel, faded into the frame's own colour by weight."""
    a = _between(scale, channel, cells, wide, row, down, column, across)
    b = _between(offset, channel, cells, wide, row, down, column, across)
    value = _unit(a * own + b)
    return value + weight * (own - value)


@triton.jit
def _grey(x):  # type: ignore[no-untyped-def]
    """A value of 0..255 and a half as uint8."""
    return x.to(tl.int32).to(tl.uint8)


@triton.jit  # type: ignore[untyped-decorator]
def _block(x, block: tl.constexpr):  # type: ignore[no-untyped-def]
    """Mean of each 2x2 pixels of (2, block)."""
    return tl.sum(tl.sum(tl.reshape(x, (2, block // 2, 2)), 2), 0) * 0.25


@triton.jit  # type: ignore[untyped-decorator]
def _paint(  # type: ignore[no-untyped-def]
    frame, matrix, scale, offset, behind, out, row_of, down_of, column_of, across_of, height, width, high, wide,
    yr, yg, yb, ur, ug, ub, vr, vg, vb,
    comes: tl.constexpr, kind: tl.constexpr, decontaminate: tl.constexpr, wants: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    cells = high * wide
    top, left = tl.program_id(1) * 2, tl.program_id(0) * block
    lines, columns = top + tl.arange(0, 2)[:, None], left + tl.arange(0, block)[None, :]
    inside = (lines < height) & (columns < width)
    y, x = tl.minimum(lines, height - 1), tl.minimum(columns, width - 1)
    row, down, column, across = (
        tl.load(row_of + y),
        tl.load(down_of + y),
        tl.load(column_of + x),
        tl.load(across_of + x),
    )
    red, green, blue, guide = _read(frame, matrix, y, x, height, width, comes == 2)
    a = _between(scale, 3, cells, wide, row, down, column, across)
    alpha = _unit(a * guide + _between(offset, 3, cells, wide, row, down, column, across))
    if decontaminate:
        own = tl.maximum(alpha * 8.0 - 7.0, 0.0)
        red = _person(red, scale, offset, 0, cells, wide, row, down, column, across, own)
        green = _person(green, scale, offset, 1, cells, wide, row, down, column, across, own)
        blue = _person(blue, scale, offset, 2, cells, wide, row, down, column, across, own)
    if kind != 0:
        if kind == 1:
            r, g, b = _colours(behind, y, x, width)
        else:
            r = _between(behind, 0, cells, wide, row, down, column, across)
            g = _between(behind, 1, cells, wide, row, down, column, across)
            b = _between(behind, 2, cells, wide, row, down, column, across)
        shown = tl.where(alpha < 0.5 / 255, 0.0, alpha)
        red, green, blue = r + shown * (red - r), g + shown * (green - g), b + shown * (blue - b)
    if wants == 2:
        tl.store(out + y * width + x, _grey((red * yr + green * yg + blue * yb) * 255 + 16.5), mask=inside)
        red, green, blue = _block(red, block), _block(green, block), _block(blue, block)
        half = (width + 1) // 2
        across_half = left // 2 + tl.arange(0, block // 2)
        at = out + height * width + (top // 2) * half + across_half
        u, v = red * ur + green * ug + blue * ub, red * vr + green * vg + blue * vb
        tl.store(at, _grey(u * 255 + 128.5), mask=across_half < half)
        tl.store(at + ((height + 1) // 2) * half, _grey(v * 255 + 128.5), mask=across_half < half)
    else:
        channels: tl.constexpr = 4 if wants == 1 else 3
        at = out + (y * width + x) * channels
        tl.store(at, _grey(red * 255 + 0.5), mask=inside)
        tl.store(at + 1, _grey(green * 255 + 0.5), mask=inside)
        tl.store(at + 2, _grey(blue * 255 + 0.5), mask=inside)
        if channels == 4:
            tl.store(at + 3, _grey(alpha * 255 + 0.5), mask=inside)
