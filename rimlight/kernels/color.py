"""Y'CbCr to and from R'G'B' for runs of pixels (ITU-R BT.601-7, BT.709-6, 8 bit).

Functions take whole arrays with a line and a first column, not slices: a slice inside a compiled loop costs two
atomic counts of references, and an unsigned index spares the check for negative ones, which would keep a loop from
being vectorised.

Letters: n columns of a run; rows are float32 0..1 unless said otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rimlight.kernels.parallel import compiled
from rimlight.types import I420, FloatArray, Pixels, UInt8Array

LUMA = {False: (0.299, 0.114), True: (0.2126, 0.0722)}  # red and blue weights of BT.601 and BT.709


NO_RGB = np.empty((0, 0, 3), np.uint8)
NO_PLANE = np.empty(0, np.uint8)


class Picture(NamedTuple):
    """A frame as the kernels take it, in either form; the arrays of the other form are empty.

    rgb (H, W, 3 or 4); y, u, v flat with their strides, since a decoder's lines may be wider than the picture;
    matrix: to_rgb_matrix of what is read, from_rgb_matrix of what is written.
    """

    rgb: UInt8Array
    y: UInt8Array
    u: UInt8Array
    v: UInt8Array
    stride: int
    chroma_stride: int
    matrix: FloatArray


def source_of(pixels: Pixels) -> Picture:
    """Pixels to be read, marked read-only whatever they were, so that one compiled kernel serves all."""
    if not isinstance(pixels, I420):
        nothing = _locked(NO_PLANE)
        rgb = _locked(np.ascontiguousarray(pixels))
        return Picture(rgb, nothing, nothing, nothing, 0, 0, to_rgb_matrix(True, False))
    matrix = to_rgb_matrix(pixels.bt709, pixels.full_range)
    u, v = _flat(pixels.u), _flat(pixels.v)
    if pixels.u.strides != pixels.v.strides:
        u, v = _flat(np.ascontiguousarray(pixels.u)), _flat(np.ascontiguousarray(pixels.v))
    return Picture(_locked(NO_RGB), _flat(pixels.y), u, v, pixels.y.strides[0], len(u) and pixels.u.strides[0], matrix)


def target_of(pixels: Pixels) -> Picture:
    """Pixels to be written: RGB, RGBA or I420, contiguous as rimlight allocates them."""
    if not isinstance(pixels, I420):
        return Picture(pixels, NO_PLANE, NO_PLANE, NO_PLANE, 0, 0, from_rgb_matrix())
    y, u, v = pixels.y.reshape(-1), pixels.u.reshape(-1), pixels.v.reshape(-1)
    return Picture(NO_RGB, y, u, v, pixels.y.shape[1], pixels.u.shape[1], from_rgb_matrix())


def _locked(array: UInt8Array) -> UInt8Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _flat(plane: UInt8Array) -> UInt8Array:
    """A plane (H, W) whose lines are contiguous as one row, with what lies between its lines."""
    if plane.strides[1] != 1 or plane.strides[0] < plane.shape[1]:
        plane = np.ascontiguousarray(plane)
    length = (plane.shape[0] - 1) * plane.strides[0] + plane.shape[1]
    return np.lib.stride_tricks.as_strided(plane, (length,), (1,), writeable=False)


def to_rgb_matrix(bt709: bool, full_range: bool) -> FloatArray:
    """(6,) float32: y offset, y gain, v to red, u to green, v to green, u to blue; into R'G'B' of 0..255."""
    red, blue = LUMA[bt709]
    green = 1 - red - blue
    luma, chroma = (1.0, 1.0) if full_range else (255 / 219, 255 / 224)
    offset = 0.0 if full_range else 16.0
    to_red, to_blue = 2 * (1 - red) * chroma, 2 * (1 - blue) * chroma
    return np.array(
        [offset, luma, to_red, -to_blue * blue / green, -to_red * red / green, to_blue], dtype=np.float32
    )  # fmt: skip


def from_rgb_matrix() -> FloatArray:
    """(9,) float32: weights of red, green, blue for y, u, v of BT.709 limited range, from R'G'B' of 0..255."""
    red, blue = LUMA[True]
    green = 1 - red - blue
    y = np.array([red, green, blue]) * 219 / 255
    u = np.array([-red, -green, 1 - blue]) / (2 * (1 - blue)) * 224 / 255
    v = np.array([1 - red, -green, -blue]) / (2 * (1 - red)) * 224 / 255
    return np.concatenate([y, u, v]).astype(np.float32)


@compiled
def chroma_run(picture, line, start, out, n):  # type: ignore[no-untyped-def]
    """What chroma adds to red, green, blue and to their mean: out[0..3], each sample for two columns.

    line and start are those of the full picture; start is even.
    """
    u, v, matrix = picture.u, picture.v, picture.matrix
    unit, middle, third = np.float32(1 / 255), np.float32(128), np.float32(1 / 3)
    v_red, u_green = matrix[2] * unit, matrix[3] * unit
    v_green, u_blue = matrix[4] * unit, matrix[5] * unit
    start = np.uint64((line >> 1) * picture.chroma_stride + (start >> 1))
    for i in range((n + 1) // 2):
        x = start + np.uint64(i)
        cu, cv = np.float32(u[x]) - middle, np.float32(v[x]) - middle
        r, g, b = v_red * cv, u_green * cu + v_green * cv, u_blue * cu
        m = (r + g + b) * third
        out[0, 2 * i], out[0, 2 * i + 1] = r, r
        out[1, 2 * i], out[1, 2 * i + 1] = g, g
        out[2, 2 * i], out[2, 2 * i + 1] = b, b
        out[3, 2 * i], out[3, 2 * i + 1] = m, m


@compiled
def planes_run(picture, line, start, chroma, out, to, n):  # type: ignore[no-untyped-def]
    """Luma of a line and what chroma_run made of its chroma to three rows out[to..to+2]."""
    y, matrix = picture.y, picture.matrix
    gain = matrix[1] / np.float32(255)
    offset = matrix[0] * gain
    zero, one = np.float32(0), np.float32(1)
    start = np.uint64(line * picture.stride + start)
    for c in range(3):
        for i in range(n):
            value = np.float32(y[start + np.uint64(i)]) * gain - offset + chroma[c, i]
            out[to + c, i] = min(max(value, zero), one)


@compiled
def rgb_run(pixels, line, start, out, to, n):  # type: ignore[no-untyped-def]
    """A line of (H, W, 3) uint8 to three rows out[to..to+2]."""
    unit = np.float32(1 / 255)
    start = np.uint64(start)
    for i in range(n):
        x = start + np.uint64(i)
        out[to, i] = np.float32(pixels[line, x, 0]) * unit
        out[to + 1, i] = np.float32(pixels[line, x, 1]) * unit
        out[to + 2, i] = np.float32(pixels[line, x, 2]) * unit


@compiled
def grey_of_rgb(pixels, line, start, out, to, n):  # type: ignore[no-untyped-def]
    """Mean of red, green, blue of a line of (H, W, 3) uint8 to row out[to]."""
    unit = np.float32(1 / 765)
    start = np.uint64(start)
    for i in range(n):
        x = start + np.uint64(i)
        total = np.int32(pixels[line, x, 0]) + np.int32(pixels[line, x, 1]) + np.int32(pixels[line, x, 2])
        out[to, i] = np.float32(total) * unit


@compiled
def grey_of_planes(picture, line, start, chroma, out, to, n):  # type: ignore[no-untyped-def]
    """Mean of red, green, blue from luma and the mean row of chroma_run, to row out[to]."""
    y, matrix = picture.y, picture.matrix
    gain = matrix[1] / np.float32(255)
    offset = matrix[0] * gain
    start = np.uint64(line * picture.stride + start)
    for i in range(n):
        value = np.float32(y[start + np.uint64(i)]) * gain - offset + chroma[3, i]
        out[to, i] = min(max(value, np.float32(0)), np.float32(1))


@compiled
def greys_of(source, y0, y1, x0, n, chroma, out):  # type: ignore[no-untyped-def]
    """Mean of RGB of a pair of lines into out[0..1]; fills chroma (see chroma_run) where the source is planes."""
    if source.rgb.shape[0]:
        for y in range(y0, y1 + 1):
            grey_of_rgb(source.rgb, y, x0, out, y - y0, n)
        return
    chroma_run(source, y0, x0, chroma, n)
    for y in range(y0, y1 + 1):
        grey_of_planes(source, y, x0, chroma, out, y - y0, n)


@compiled
def store_rgb(rows, at, alpha, p, out, line, start, n):  # type: ignore[no-untyped-def]
    """Rows[at..at+2] to a line of (H, W, 3) uint8, or of (H, W, 4) with row alpha[p]."""
    full, half = np.float32(255), np.float32(0.5)
    start = np.uint64(start)
    if out.shape[2] == 4:
        for i in range(n):
            x = start + np.uint64(i)
            out[line, x, 0] = np.uint8(np.int32(rows[at, i] * full + half))
            out[line, x, 1] = np.uint8(np.int32(rows[at + 1, i] * full + half))
            out[line, x, 2] = np.uint8(np.int32(rows[at + 2, i] * full + half))
            out[line, x, 3] = np.uint8(np.int32(alpha[p, i] * full + half))
        return
    for i in range(n):
        x = start + np.uint64(i)
        out[line, x, 0] = np.uint8(np.int32(rows[at, i] * full + half))
        out[line, x, 1] = np.uint8(np.int32(rows[at + 1, i] * full + half))
        out[line, x, 2] = np.uint8(np.int32(rows[at + 2, i] * full + half))


@compiled
def store_luma(rows, at, picture, line, start, n):  # type: ignore[no-untyped-def]
    """Rows[at..at+2] to a line of luma, BT.709 limited."""
    y, matrix = picture.y, picture.matrix
    r, g, b = matrix[0] * np.float32(255), matrix[1] * np.float32(255), matrix[2] * np.float32(255)
    start = np.uint64(line * picture.stride + start)
    for i in range(n):
        value = rows[at, i] * r + rows[at + 1, i] * g + rows[at + 2, i] * b + np.float32(16.5)
        y[start + np.uint64(i)] = np.uint8(np.int32(value))


@compiled
def store_chroma(rows, top, bottom, picture, line, start, n):  # type: ignore[no-untyped-def]
    """The mean of each 2x2 block of rows[top..top+2] and rows[bottom..] to u and v; an odd last column counts twice.

    line and start are those of the full picture, both even.
    """
    u, v, matrix = picture.u, picture.v, picture.matrix
    if n % 2:
        for c in range(3):
            rows[top + c, n], rows[bottom + c, n] = rows[top + c, n - 1], rows[bottom + c, n - 1]
    scale, middle = np.float32(255 * 0.25), np.float32(128.5)
    start = np.uint64((line >> 1) * picture.chroma_stride + (start >> 1))
    for i in range((n + 1) // 2):
        a, b = 2 * i, 2 * i + 1
        red = (rows[top, a] + rows[top, b] + rows[bottom, a] + rows[bottom, b]) * scale
        green = (rows[top + 1, a] + rows[top + 1, b] + rows[bottom + 1, a] + rows[bottom + 1, b]) * scale
        blue = (rows[top + 2, a] + rows[top + 2, b] + rows[bottom + 2, a] + rows[bottom + 2, b]) * scale
        x = start + np.uint64(i)
        u[x] = np.uint8(np.int32(red * matrix[3] + green * matrix[4] + blue * matrix[5] + middle))
        v[x] = np.uint8(np.int32(red * matrix[6] + green * matrix[7] + blue * matrix[8] + middle))
