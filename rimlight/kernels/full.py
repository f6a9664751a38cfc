"""The full-resolution pass: coefficients to matte, foreground and composite in one read and one write of the frame.

For every pixel: alpha and foreground = clamp(scale * x + offset) (guided filter), then foreground over backdrop. Work
goes by pairs of rows and runs of RUN columns, which stay in cache. A run starts with alpha, which
needs only the mean of RGB; where the pair is wholly backdrop, the backdrop is copied and nothing else is computed.

Letters: H, W full size; h, w internal size; the coefficients' rows are stretched to W columns once, when first needed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rimlight.kernels.color import chroma_run, greys_of, planes_run, rgb_run, store_chroma, store_luma, store_rgb
from rimlight.kernels.parallel import compiled
from rimlight.types import FloatArray

RUN = 1920  # columns worked on at once; shorter runs skip more of the backdrop, and enter more loops
CHANNELS = 11  # scale, offset (4 each), soft backdrop (3)
ROWS_OF_RUN = 24  # see the slices in `composite`
PAD = 80  # a row of a run is not a power of two apart from the next, which would crowd a few sets of the cache
BACKDROP_NONE, BACKDROP_SHARP, BACKDROP_SOFT = 0, 1, 2
FOREGROUND, SOFT = np.uint8(1), np.uint8(2)  # bits of Scratch.ready


class Samples(NamedTuple):
    """Where each output column lies between two input columns (align_corners False); and the same for rows."""

    first: np.ndarray  # (W,) uint32; the second is the next one
    weight: FloatArray  # (W,) of the second


class Scratch(NamedTuple):
    """Working memory of every strip: stretched rows, which row a place holds, which runs are there, and one run."""

    rows: FloatArray  # (strips, places, CHANNELS, W)
    held: np.ndarray  # (strips, places) int32
    ready: np.ndarray  # (strips, places, runs) uint8: which other channels are there
    run: FloatArray  # (strips, ROWS_OF_RUN, RUN)


def samples(inputs: int, outputs: int) -> Samples:
    """Bilinear sampling positions from inputs to outputs, as torch's interpolate(align_corners=False)."""
    centre = np.clip((np.arange(outputs) + 0.5) * inputs / outputs - 0.5, 0, inputs - 1)
    first = np.minimum(centre.astype(np.uint32), inputs - 2).astype(np.uint32)
    return Samples(first, (centre - first).astype(np.float32))


def scratch_for(strips: int, inner_height: int, height: int, width: int) -> Scratch:
    """Scratch for a pass from inner_height coefficient rows to (height, width) pixels.

    A pair of rows needs at most four neighbouring coefficient rows, unless the frame is far smaller than they are.
    """
    places = 4 if 2 * height >= inner_height else inner_height
    return Scratch(
        np.zeros((strips, places, CHANNELS, width + PAD), np.float32),
        np.zeros((strips, places), np.int32),
        np.zeros((strips, places, -(-width // RUN)), np.uint8),
        np.zeros((strips, ROWS_OF_RUN, RUN + PAD), np.float32),
    )


@compiled
def unit(value):  # type: ignore[no-untyped-def]
    """Clamp to 0..1."""
    return min(max(value, np.float32(0)), np.float32(1))


@compiled
def stretch(low, c, row, columns, start, n, rows, place, to):  # type: ignore[no-untyped-def]
    """A run of one coefficient row low[c, row] to columns of the full picture, into rows[place, to]."""
    first, weight = columns
    start = np.uint64(start)
    for i in range(n):
        x = start + np.uint64(i)
        j = np.uint64(first[x])
        rows[place, to, x] = low[c, row, j] + weight[x] * (low[c, row, j + np.uint64(1)] - low[c, row, j])


@compiled
def place_of(lines, y, which, rows):  # type: ignore[no-untyped-def]
    """Where the coefficient row above (0) or below (1) line y is held."""
    return (np.int64(lines[0][y]) + which) % rows.shape[0]


@compiled
def hold(row, scale, offset, columns, scratch, strip):  # type: ignore[no-untyped-def]
    """Make sure that the alpha channels of a coefficient row are stretched; returns its place."""
    place = row % scratch.held.shape[1]
    if scratch.held[strip, place] != row:
        scratch.held[strip, place] = row
        for index in range(scratch.ready.shape[2]):
            scratch.ready[strip, place, index] = 0
        rows = scratch.rows[strip]
        stretch(scale, 3, row, columns, 0, columns[0].shape[0], rows, place, 3)
        stretch(offset, 3, row, columns, 0, columns[0].shape[0], rows, place, 7)
    return place


@compiled
def hold_run(place, index, x0, n, wanted, first, end, low, to, columns, rows, scratch, strip):  # type: ignore[no-untyped-def]
    """Make sure that channels first to end of low are stretched in one run of a place; wanted is their bit in ready."""
    row = scratch.held[strip, place]
    for c in range(first, end):
        stretch(low, c, row, columns, x0, n, rows, place, to + c)
    scratch.ready[strip, place, index] |= wanted


@compiled
def hold_foreground(place, index, x0, n, scale, offset, columns, rows, scratch, strip):  # type: ignore[no-untyped-def]
    """Make sure that the foreground's channels of a place are stretched in one run."""
    if not scratch.ready[strip, place, index] & FOREGROUND:
        hold_run(place, index, x0, n, FOREGROUND, 0, 3, scale, 0, columns, rows, scratch, strip)
        hold_run(place, index, x0, n, FOREGROUND, 0, 3, offset, 4, columns, rows, scratch, strip)


@compiled
def hold_soft(place, index, x0, n, soft, columns, rows, scratch, strip):  # type: ignore[no-untyped-def]
    """Make sure that the soft backdrop's channels of a place are stretched in one run, where there is one."""
    if soft.shape[0] and not scratch.ready[strip, place, index] & SOFT:
        hold_run(place, index, x0, n, SOFT, 0, 3, soft, 8, columns, rows, scratch, strip)


@compiled
def filtered(rows, a, b, c, t, start, n, x, xc, out, to):  # type: ignore[no-untyped-def]
    """out[to] = clamp(scale * x[xc] + offset) of channel c between the coefficient rows in places a and b."""
    start = np.uint64(start)
    for i in range(n):
        j = start + np.uint64(i)
        scale = rows[a, c, j] + t * (rows[b, c, j] - rows[a, c, j])
        offset = rows[a, 4 + c, j] + t * (rows[b, 4 + c, j] - rows[a, 4 + c, j])
        out[to, i] = unit(scale * x[xc, i] + offset)


@compiled
def visible(alphas, p, n):  # type: ignore[no-untyped-def]
    """How many values round to more than 0 in 8 bits; a count, since the largest of floats is not vectorised."""
    floor = np.float32(0.5 / 255)
    count = 0
    for i in range(n):
        count += alphas[p, i] >= floor
    return count


@compiled
def foreground(rows, a, b, c, t, start, n, own, alphas, p, out, to):  # type: ignore[no-untyped-def]
    """One channel of decontaminated foreground into out[to].

    From alpha 7/8 to 1 it fades into the frame's own colour: where alpha is 1 the two are the same by definition
    (I = alpha*F + (1-alpha)*B), so what the network adds there is error.
    """
    start = np.uint64(start)
    for i in range(n):
        j = start + np.uint64(i)
        scale = rows[a, c, j] + t * (rows[b, c, j] - rows[a, c, j])
        offset = rows[a, 4 + c, j] + t * (rows[b, 4 + c, j] - rows[a, 4 + c, j])
        value = unit(scale * own[c, i] + offset)
        weight = max(alphas[p, i] * np.float32(8) - np.float32(7), np.float32(0))
        out[to, i] = value + weight * (own[c, i] - value)


@compiled
def over(alphas, p, behind, c, out, to, n):  # type: ignore[no-untyped-def]
    """Foreground in out[to] over behind[c], into out[to]."""
    for i in range(n):
        out[to, i] = behind[c, i] + alphas[p, i] * (out[to, i] - behind[c, i])


@compiled
def backdrop_run(y, x0, n, a, b, t, rows, sharp, soft, room, out, to):  # type: ignore[no-untyped-def]
    """The backdrop of one line's run as float rows out[to..to+2]; room: four rows for the chroma of planes."""
    if soft.shape[0]:
        start = np.uint64(x0)
        for c in range(8, CHANNELS):
            for i in range(n):
                j = start + np.uint64(i)
                out[to + c - 8, i] = rows[a, c, j] + t * (rows[b, c, j] - rows[a, c, j])
    elif sharp.rgb.shape[0]:
        rgb_run(sharp.rgb, y, x0, out, to, n)
    else:
        chroma_run(sharp, y, x0, room, n)
        planes_run(sharp, y, x0, room, out, to, n)


@compiled
def copy_backdrop(y0, y1, x0, x1, sharp, out):  # type: ignore[no-untyped-def]
    """A sharp backdrop in the output's own form, copied for a pair of lines; false if it is of another form."""
    if out.rgb.shape[0]:
        if not sharp.rgb.shape[0] or out.rgb.shape[2] != 3:
            return False
        for y in range(y0, y1 + 1):
            out.rgb[y, x0:x1] = sharp.rgb[y, x0:x1]
        return True
    if not sharp.y.shape[0]:
        return False
    n, half = x1 - x0, ((x1 + 1) >> 1) - (x0 >> 1)
    for y in range(y0, y1 + 1):
        here, there = y * sharp.stride + x0, y * out.stride + x0
        out.y[there : there + n] = sharp.y[here : here + n]
    here, there = (y0 >> 1) * sharp.chroma_stride + (x0 >> 1), (y0 >> 1) * out.chroma_stride + (x0 >> 1)
    out.u[there : there + half] = sharp.u[here : here + half]
    out.v[there : there + half] = sharp.v[here : here + half]
    return True


@compiled
def store_pair(y0, y1, x0, n, alphas, results, out):  # type: ignore[no-untyped-def]
    """Float rows of a pair (results[3 * parity + c]) to the output in its own form."""
    for y in range(y0, y1 + 1):
        p = y - y0
        if out.rgb.shape[0]:
            store_rgb(results, 3 * p, alphas, p, out.rgb, y, x0, n)
        else:
            store_luma(results, 3 * p, out, y, x0, n)
    if not out.rgb.shape[0]:
        store_chroma(results, 0, 3 * (y1 - y0), out, y0, x0, n)


@compiled
def paint_pair(  # type: ignore[no-untyped-def]
    y0, y1, x0, n, index, seen, rows, scratch, strip, source, scale, offset, soft, columns, lines, sharp, kind,
    decontaminate, own, chroma, alphas, backdrop, room, results,
):  # fmt: skip
    """Foreground over backdrop for one run of a pair of lines, into results."""
    for y in range(y0, y1 + 1):
        p, t = y - y0, lines[1][y]
        a, b = place_of(lines, y, 0, rows), place_of(lines, y, 1, rows)
        hold_soft(a, index, x0, n, soft, columns, rows, scratch, strip)
        hold_soft(b, index, x0, n, soft, columns, rows, scratch, strip)
        if kind != BACKDROP_NONE and not seen:
            backdrop_run(y, x0, n, a, b, t, rows, sharp, soft, room, results, 3 * p)
            continue
        if decontaminate:
            hold_foreground(a, index, x0, n, scale, offset, columns, rows, scratch, strip)
            hold_foreground(b, index, x0, n, scale, offset, columns, rows, scratch, strip)
        if source.rgb.shape[0]:
            rgb_run(source.rgb, y, x0, own, 0, n)
        else:
            planes_run(source, y, x0, chroma, own, 0, n)
        for c in range(3):
            if decontaminate:
                foreground(rows, a, b, c, t, x0, n, own, alphas, p, results, 3 * p + c)
            else:
                for i in range(n):
                    results[3 * p + c, i] = own[c, i]
        if kind != BACKDROP_NONE:
            backdrop_run(y, x0, n, a, b, t, rows, sharp, soft, room, backdrop, 0)
            for c in range(3):
                over(alphas, p, backdrop, c, results, 3 * p + c, n)


@compiled
def composite(  # type: ignore[no-untyped-def]
    strip, first, last, scratch, source, scale, offset, soft, columns, lines, sharp, kind, decontaminate, out, out_alpha
):
    """Lines first to last of the pass, first even; empty arrays stand for what is not wanted (compose.Compositor)."""
    scratch.held[strip, :] = -1
    rows, run = scratch.rows[strip], scratch.run[strip]
    own, chroma, greys, alphas = run[0:3], run[3:7], run[7:9], run[9:11]
    results, backdrop, room = run[11:17], run[17:20], run[20:24]
    width = columns[0].shape[0]
    for y0 in range(first, last, 2):
        y1 = min(y0 + 1, last - 1)
        for y in range(y0, y1 + 1):
            hold(np.int64(lines[0][y]), scale, offset, columns, scratch, strip)
            hold(np.int64(lines[0][y]) + 1, scale, offset, columns, scratch, strip)
        for index in range(scratch.ready.shape[2]):
            x0, x1 = index * RUN, min((index + 1) * RUN, width)
            n = x1 - x0
            greys_of(source, y0, y1, x0, n, chroma, greys)
            seen = 0
            for y in range(y0, y1 + 1):
                p, a, b = y - y0, place_of(lines, y, 0, rows), place_of(lines, y, 1, rows)
                filtered(rows, a, b, 3, lines[1][y], x0, n, greys, p, alphas, p)
                seen += visible(alphas, p, n)
                if out_alpha.shape[0]:
                    out_alpha[y, x0:x1] = alphas[p, :n]
            if not seen and kind == BACKDROP_SHARP and copy_backdrop(y0, y1, x0, x1, sharp, out):
                continue
            paint_pair(
                y0, y1, x0, n, index, seen, rows, scratch, strip, source, scale, offset, soft, columns, lines, sharp,
                kind, decontaminate, own, chroma, alphas, backdrop, room, results,
            )  # fmt: skip
            store_pair(y0, y1, x0, n, alphas, results, out)
