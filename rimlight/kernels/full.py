"""The full-resolution pass: coefficients to matte, foreground and composite in one read and one write of the frame.

For every pixel: alpha and foreground = clamp(scale * x + offset) (guided filter), then foreground over backdrop. Work goes
row by row in scratch rows that stay in cache; runs of RUN columns that are wholly backdrop skip the foreground.

Letters: H, W full size; h, w internal size; hb, wb size of a soft backdrop.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rimlight.kernels.color import load_planes, load_rgb, store_chroma, store_luma
from rimlight.kernels.parallel import compiled
from rimlight.types import FloatArray, UInt8Array

RUN = 128
SCRATCH_ROWS = 2 * 11 + 2 * 3 + 2 * 3 + 3 + 1

SOURCE_RGB, SOURCE_PLANES = 0, 1
BACKDROP_NONE, BACKDROP_SHARP, BACKDROP_SOFT = 0, 1, 2


class Samples(NamedTuple):
    """Where each output column lies between two input columns (align_corners False); and the same for rows."""

    first: np.ndarray  # (W,) int32
    second: np.ndarray  # (W,) int32
    weight: FloatArray  # (W,) of the second


def samples(inputs: int, outputs: int) -> Samples:
    """Bilinear sampling positions from inputs to outputs, as torch's interpolate(align_corners=False)."""
    centre = np.clip((np.arange(outputs) + 0.5) * inputs / outputs - 0.5, 0, inputs - 1)
    first = centre.astype(np.int32)
    second = np.minimum(first + 1, inputs - 1).astype(np.int32)
    return Samples(first, second, (centre - first).astype(np.float32))


@compiled
def widen(low, row, columns, out, base):  # type: ignore[no-untyped-def]
    """Stretch row `row` of every channel of low (C, h, w) to W columns: out[base + c]."""
    first, second, weight = columns
    for c in range(low.shape[0]):
        source, target = low[c, row], out[base + c]
        for x in range(first.shape[0]):
            a = source[first[x]]
            target[x] = a + weight[x] * (source[second[x]] - a)


@compiled
def unit(value):  # type: ignore[no-untyped-def]
    """Clamp to 0..1."""
    return min(max(value, np.float32(0)), np.float32(1))


@compiled
def alpha_row(red, green, blue, above, below, t, alpha):  # type: ignore[no-untyped-def]
    """alpha = clamp(scale * mean(RGB) + offset); above and below hold the stretched coefficients around this row."""
    s0, s1, o0, o1 = above[3], below[3], above[7], below[7]
    third = np.float32(1 / 3)
    for x in range(alpha.shape[0]):
        mean = (red[x] + green[x] + blue[x]) * third
        alpha[x] = unit((s0[x] + t * (s1[x] - s0[x])) * mean + o0[x] + t * (o1[x] - o0[x]))


@compiled
def foreground_run(s0, s1, o0, o1, t, alpha, own, out):  # type: ignore[no-untyped-def]
    """One channel of decontaminated foreground; from alpha 7/8 to 1 it fades into the frame's own colour.

    Where alpha is 1 the two are the same by definition (I = alpha*F + (1-alpha)*B), so what the network adds there is error.
    """
    for x in range(out.shape[0]):
        value = unit((s0[x] + t * (s1[x] - s0[x])) * own[x] + o0[x] + t * (o1[x] - o0[x]))
        weight = max(alpha[x] * np.float32(8) - np.float32(7), np.float32(0))
        out[x] = value + weight * (own[x] - value)


@compiled
def backdrop_row(kind, y, sharp, above, below, t, out):  # type: ignore[no-untyped-def]
    """The backdrop of row y as floats 0..1: a picture of full size, or a soft one stretched like the coefficients."""
    if kind == BACKDROP_SHARP:
        load_rgb(sharp[y], out[0], out[1], out[2], out.shape[1])
    elif kind == BACKDROP_SOFT:
        for c in range(3):
            a, b, target = above[8 + c], below[8 + c], out[c]
            for x in range(out.shape[1]):
                target[x] = a[x] + t * (b[x] - a[x])


@compiled
def mix_run(alpha, behind, out):  # type: ignore[no-untyped-def]
    """Foreground in out over behind, into out."""
    for x in range(out.shape[0]):
        out[x] = behind[x] + alpha[x] * (out[x] - behind[x])


@compiled
def greatest(values):  # type: ignore[no-untyped-def]
    """Largest of a run; 0 for an empty one."""
    most = np.float32(0)
    for x in range(values.shape[0]):
        most = max(most, values[x])
    return most


@compiled
def blend_row(kind, decontaminate, source, above, below, t, alpha, backdrop, out):  # type: ignore[no-untyped-def]
    """Foreground over backdrop for one row, run by run; with no backdrop, the foreground itself."""
    width = alpha.shape[0]
    floor = np.float32(0.5 / 255)
    for x0 in range(0, width, RUN):
        x1 = min(x0 + RUN, width)
        matte = alpha[x0:x1]
        if kind != BACKDROP_NONE and greatest(matte) < floor:
            for c in range(3):
                out[c, x0:x1] = backdrop[c, x0:x1]
            continue
        for c in range(3):
            target = out[c, x0:x1]
            if decontaminate:
                foreground_run(
                    above[c, x0:x1], below[c, x0:x1], above[4 + c, x0:x1], below[4 + c, x0:x1],
                    t, matte, source[c, x0:x1], target,
                )  # fmt: skip
            else:
                target[:] = source[c, x0:x1]
            if kind != BACKDROP_NONE:
                mix_run(matte, backdrop[c, x0:x1], target)


@compiled
def store_rgb(rows, alpha, out, width):  # type: ignore[no-untyped-def]
    """Three float rows to (W, 3) uint8, or (W, 4) with alpha."""
    full, half = np.float32(255), np.float32(0.5)
    for x in range(width):
        out[x, 0] = np.uint8(np.int32(rows[0, x] * full + half))
        out[x, 1] = np.uint8(np.int32(rows[1, x] * full + half))
        out[x, 2] = np.uint8(np.int32(rows[2, x] * full + half))
    if out.shape[1] == 4:
        for x in range(width):
            out[x, 3] = np.uint8(np.int32(alpha[x] * full + half))


@compiled
def composite(  # type: ignore[no-untyped-def]
    strip, first, last, scratch, rgb, planes, matrix, scale, offset, soft, columns, rows, sharp, kind, decontaminate,
    out_rgb, out_planes, out_matrix, out_alpha,
):  # fmt: skip
    """Rows first to last of the pass; empty arrays stand for what is not wanted (see rimlight.compose.Compositor)."""
    room = scratch[strip]
    width = room.shape[1]
    above, below = room[0:11], room[11:22]
    results = room[22:28].reshape((2, 3, width))
    source, backdrop, alpha = room[28:31], room[31:34], room[34]
    held0, held1 = -1, -1
    for y in range(first, last):
        r0, r1, t = rows[0][y], rows[1][y], rows[2][y]
        if held1 == r0 and held0 != r0:
            above, below = below, above
            held0, held1 = held1, held0
        if held0 != r0:
            widen(scale, r0, columns, above, 0)
            widen(offset, r0, columns, above, 4)
            if kind == BACKDROP_SOFT:
                widen(soft, r0, columns, above, 8)
            held0 = r0
        if held1 != r1:
            widen(scale, r1, columns, below, 0)
            widen(offset, r1, columns, below, 4)
            if kind == BACKDROP_SOFT:
                widen(soft, r1, columns, below, 8)
            held1 = r1
        if rgb.shape[0]:
            load_rgb(rgb[y], source[0], source[1], source[2], width)
        else:
            load_planes(planes[0][y], planes[1][y >> 1], planes[2][y >> 1], matrix, source[0], source[1], source[2], width)
        alpha_row(source[0], source[1], source[2], above, below, t, alpha)
        result = results[y & 1]
        backdrop_row(kind, y, sharp, above, below, t, backdrop)
        blend_row(kind, decontaminate, source, above, below, t, alpha, backdrop, result)
        if out_alpha.shape[0]:
            out_alpha[y, :] = alpha
        if out_rgb.shape[0]:
            store_rgb(result, alpha, out_rgb[y], width)
        else:
            store_luma(result[0], result[1], result[2], out_matrix, out_planes[0][y], width)
            if y & 1 or y == rows[0].shape[0] - 1:
                if not y & 1:
                    results[1, :, :] = results[0]
                store_chroma(results, out_matrix, out_planes[1][y >> 1], out_planes[2][y >> 1], width)


def nothing() -> UInt8Array:
    """An empty picture: not wanted."""
    return np.empty((0, 0, 3), np.uint8)
