"""Area-averaged resize of whole pictures to float planes, as the network wants them: one read of the frame.

Each output cell is the mean over a box of the input that is as wide as the ratio, and at least one pixel; so
shrinking is an area average and enlarging is bilinear, by one formula.

Letters: H, W input size; h, w output size; K most input samples under one output.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rimlight.kernels.parallel import compiled
from rimlight.types import FloatArray


class Taps(NamedTuple):
    """Which inputs an output averages: first index, count, and weights that sum to 1."""

    first: np.ndarray  # (h,) int32
    counts: np.ndarray  # (h,) int32
    weight: FloatArray  # (h, K)


def taps(inputs: int, outputs: int) -> Taps:
    """Box taps from inputs to outputs along one axis."""
    ratio = inputs / outputs
    half = max(1.0, ratio) / 2
    centre = (np.arange(outputs) + 0.5) * ratio
    low, high = np.maximum(centre - half, 0), np.minimum(centre + half, inputs)
    first = np.minimum(np.floor(low + 1e-9), inputs - 1).astype(np.int32)
    last = np.maximum(np.minimum(np.ceil(high - 1e-9), inputs).astype(np.int32), first + 1)
    most = int((last - first).max())
    index = first[:, None] + np.arange(most)
    overlap = np.minimum(index + 1, high[:, None]) - np.maximum(index, low[:, None])
    overlap = np.where(index < last[:, None], np.maximum(overlap, 0), 0)
    weight = (overlap / overlap.sum(1, keepdims=True)).astype(np.float32)
    return Taps(first, (last - first).astype(np.int32), weight)


@compiled
def shrink(strip, first, last, scratch, picture, stride, width, step, rows, columns, gain, out):  # type: ignore[no-untyped-def]
    """Output rows first to last of every channel: out[c] = mean * gain.

    picture: flat uint8 of lines `stride` apart, with width columns of step interleaved channels; out (step, h, w)
    float32; scratch (strips, at least width * step) float32.
    """
    line = scratch[strip]
    wide = width * step
    for y in range(first, last):
        for x in range(wide):
            line[x] = 0
        for k in range(rows[1][y]):
            start, weight = np.uint64((rows[0][y] + k) * stride), rows[2][y, k]
            for x in range(wide):
                line[x] += weight * np.float32(picture[start + np.uint64(x)])
        for c in range(step):
            for x in range(out.shape[2]):
                total = np.float32(0)
                begin = columns[0][x]
                for k in range(columns[1][x]):
                    total += columns[2][x, k] * line[(begin + k) * step + c]
                out[c, y, x] = total * gain


@compiled
def mix_planes(_strip, first, last, luma, chroma, matrix, out):  # type: ignore[no-untyped-def]
    """Rows of small planes (h, w), (2, h, w), 0..255, to (3, h, w) RGB 0..1."""
    gain = matrix[1]
    unit, middle = np.float32(1 / 255), np.float32(128)
    zero, one = np.float32(0), np.float32(1)
    for y in range(first, last):
        for x in range(luma.shape[1]):
            grey = (luma[y, x] - matrix[0]) * gain
            u, v = chroma[0, y, x] - middle, chroma[1, y, x] - middle
            out[0, y, x] = min(max((grey + matrix[2] * v) * unit, zero), one)
            out[1, y, x] = min(max((grey + matrix[3] * u + matrix[4] * v) * unit, zero), one)
            out[2, y, x] = min(max((grey + matrix[5] * u) * unit, zero), one)
