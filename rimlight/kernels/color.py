"""Y'CbCr to and from R'G'B' for whole rows (ITU-R BT.601-7, BT.709-6, 8 bit).

Letters: H, W height and width of a picture.
"""

from __future__ import annotations

import numpy as np

from rimlight.kernels.parallel import compiled
from rimlight.types import FloatArray

# Rows of the matrix: y offset, y gain, v to red, u to green, v to green, u to blue; into R'G'B' of 0..255.
LUMA = {False: (0.299, 0.114), True: (0.2126, 0.0722)}  # red and blue weights of BT.601 and BT.709


def to_rgb_matrix(bt709: bool, full_range: bool) -> FloatArray:
    """(6,) float32: y offset, y gain, v to red, u to green, v to green, u to blue."""
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
def load_planes(y, u, v, matrix, red, green, blue, width):  # type: ignore[no-untyped-def]
    """One row of planes to three float rows 0..1; every chroma sample serves two columns."""
    offset, gain = matrix[0] / np.float32(255), matrix[1] / np.float32(255)
    v_red, u_green = matrix[2] / np.float32(255), matrix[3] / np.float32(255)
    v_green, u_blue = matrix[4] / np.float32(255), matrix[5] / np.float32(255)
    offset = matrix[0] * gain
    for x in range(width):
        cu = np.float32(u[x >> 1]) - np.float32(128)
        cv = np.float32(v[x >> 1]) - np.float32(128)
        luma = np.float32(y[x]) * gain - offset
        red[x] = min(max(luma + v_red * cv, np.float32(0)), np.float32(1))
        green[x] = min(max(luma + u_green * cu + v_green * cv, np.float32(0)), np.float32(1))
        blue[x] = min(max(luma + u_blue * cu, np.float32(0)), np.float32(1))


@compiled
def load_rgb(row, red, green, blue, width):  # type: ignore[no-untyped-def]
    """One row (W, 3) uint8 to three float rows 0..1."""
    unit = np.float32(1 / 255)
    for x in range(width):
        red[x] = np.float32(row[x, 0]) * unit
        green[x] = np.float32(row[x, 1]) * unit
        blue[x] = np.float32(row[x, 2]) * unit


@compiled
def store_luma(red, green, blue, matrix, y, width):  # type: ignore[no-untyped-def]
    """Three float rows 0..1 to one luma row, BT.709 limited."""
    r, g, b = matrix[0] * np.float32(255), matrix[1] * np.float32(255), matrix[2] * np.float32(255)
    for x in range(width):
        y[x] = np.uint8(np.int32(red[x] * r + green[x] * g + blue[x] * b + np.float32(16.5)))


@compiled
def store_chroma(rows, matrix, u, v, width):  # type: ignore[no-untyped-def]
    """The mean of each 2x2 block of rows (2, 3, W) to one row of u and of v; an odd last column counts twice."""
    scale = np.float32(255 * 0.25)
    middle = np.float32(128.5)
    for x in range(width // 2):
        red = rows[0, 0, 2 * x] + rows[0, 0, 2 * x + 1] + rows[1, 0, 2 * x] + rows[1, 0, 2 * x + 1]
        green = rows[0, 1, 2 * x] + rows[0, 1, 2 * x + 1] + rows[1, 1, 2 * x] + rows[1, 1, 2 * x + 1]
        blue = rows[0, 2, 2 * x] + rows[0, 2, 2 * x + 1] + rows[1, 2, 2 * x] + rows[1, 2, 2 * x + 1]
        u[x] = np.uint8(np.int32((red * matrix[3] + green * matrix[4] + blue * matrix[5]) * scale + middle))
        v[x] = np.uint8(np.int32((red * matrix[6] + green * matrix[7] + blue * matrix[8]) * scale + middle))
    if width % 2:
        x = width - 1
        red = (rows[0, 0, x] + rows[1, 0, x]) * 2
        green = (rows[0, 1, x] + rows[1, 1, x]) * 2
        blue = (rows[0, 2, x] + rows[1, 2, x]) * 2
        u[x // 2] = np.uint8(np.int32((red * matrix[3] + green * matrix[4] + blue * matrix[5]) * scale + middle))
        v[x // 2] = np.uint8(np.int32((red * matrix[6] + green * matrix[7] + blue * matrix[8]) * scale + middle))
