"""Whole pictures between RGB and planes, pair of rows by pair of rows.

Letters: H, W height and width of a picture.
"""

from __future__ import annotations

import numpy as np

from rimlight.kernels.color import chroma_run, planes_run, rgb_run, store_chroma, store_luma, store_rgb
from rimlight.kernels.parallel import compiled

ROWS = 7  # of scratch: four of chroma and three of RGB, or two times three of RGB


@compiled
def planes_to_rgb(strip, first, last, scratch, source, out):  # type: ignore[no-untyped-def]
    """Rows first to last of planes to out (H, W, 3) uint8; scratch (strips, ROWS, W+1) float32."""
    rows = scratch[strip]
    width = out.shape[1]
    for line in range(first, last):
        if line % 2 == 0 or line == first:
            chroma_run(source, line, 0, rows, width)
        planes_run(source, line, 0, rows, rows, 4, width)
        store_rgb(rows, 4, rows, 0, out, line, 0, width)


@compiled
def rgb_to_planes(strip, first, last, scratch, image, out):  # type: ignore[no-untyped-def]
    """Rows first to last of (H, W, 3) uint8 to planes; first is even; scratch (strips, ROWS, W+1) float32."""
    rows = scratch[strip]
    width = image.shape[1]
    for top in range(first, last, 2):
        bottom = min(top + 1, last - 1)
        for line in range(top, bottom + 1):
            at = 3 * (line - top)
            rgb_run(image, line, 0, rows, at, width)
            store_luma(rows, at, out, line, 0, width)
        store_chroma(rows, 0, 3 * (bottom - top), out, top, 0, width)


def scratch_for(strips: int, width: int) -> np.ndarray:
    """Working memory of every strip; one column more, for an odd width."""
    return np.zeros((strips, ROWS, width + 1), np.float32)
