"""Whole pictures between RGB and planes, row by row.

Letters: H, W height and width of a picture.
"""

from __future__ import annotations

import numpy as np

from rimlight.kernels.color import load_planes, load_rgb, store_chroma, store_luma
from rimlight.kernels.parallel import compiled


@compiled
def planes_to_rgb(strip, first, last, scratch, y, u, v, matrix, out):  # type: ignore[no-untyped-def]
    """Rows first to last of planes to out (H, W, 3) uint8; scratch (strips, 3, W) float32."""
    rows = scratch[strip]
    width = y.shape[1]
    for line in range(first, last):
        load_planes(y[line], u[line >> 1], v[line >> 1], matrix, rows[0], rows[1], rows[2], width)
        target = out[line]
        for x in range(width):
            target[x, 0] = np.uint8(np.int32(rows[0, x] * np.float32(255) + np.float32(0.5)))
            target[x, 1] = np.uint8(np.int32(rows[1, x] * np.float32(255) + np.float32(0.5)))
            target[x, 2] = np.uint8(np.int32(rows[2, x] * np.float32(255) + np.float32(0.5)))


@compiled
def rgb_to_planes(strip, first, last, scratch, image, matrix, y, u, v):  # type: ignore[no-untyped-def]
    """Rows first to last of (H, W, 3) uint8 to planes; first is even; scratch (strips, 2, 3, W) float32."""
    rows = scratch[strip]
    height, width = y.shape
    for line in range(first, last):
        row = rows[line & 1]
        load_rgb(image[line], row[0], row[1], row[2], width)
        store_luma(row[0], row[1], row[2], matrix, y[line], width)
        if line & 1 or line == height - 1:
            if not line & 1:
                rows[1, :, :] = rows[0]
            store_chroma(rows, matrix, u[line >> 1], v[line >> 1], width)
