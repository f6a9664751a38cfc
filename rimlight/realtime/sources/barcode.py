"""A frame's number drawn into the picture, to be read back after whatever happened to it on its way.

The strip across the top holds, from left to right: white, black, white, white to find the levels and tell a mirrored
picture, BITS cells of the number, highest first, and CHECKS cells of a checksum. It survives scaling and compression.
"""

from __future__ import annotations

import numpy as np

from rimlight.types import UInt8Array

SYNC = (1, 0, 1, 1)
BITS = 20
CHECKS = 4
CELLS = len(SYNC) + BITS + CHECKS
STRIP_SHARE = 12  # the strip takes this part of the picture's height
SMALLEST_CONTRAST = 40.0  # between white and black, in levels of 255


def draw_number(image: UInt8Array, number: int) -> None:
    """Draw number, modulo 2**BITS, over the top of image (H, W, 3), in place."""
    number %= 1 << BITS
    bits = (*SYNC, *_bits(number, BITS), *_bits(_checksum(number), CHECKS))
    height, edges = _grid(image)
    for cell, bit in enumerate(bits):
        image[:height, edges[cell] : edges[cell + 1]] = 255 * bit


def frame_number(image: UInt8Array) -> int | None:
    """The number drawn into image (H, W, 3) uint8 of any size, or None where none can be read with certainty."""
    height, edges = _grid(image)
    if height < 2 or image.shape[1] < 2 * CELLS:
        return None
    middle = image[height // 4 : max(height // 4 + 1, height * 3 // 4)].mean((0, 2))  # (W,)
    levels = np.array([_core(middle, edges[cell], edges[cell + 1]) for cell in range(CELLS)])
    black, white = levels[1], levels[[0, 2, 3]].min()
    if white - black < SMALLEST_CONTRAST:
        return None
    bits = levels > (white + black) / 2
    number, check = _number(bits[len(SYNC) : -CHECKS]), _number(bits[-CHECKS:])
    return number if check == _checksum(number) else None


def _grid(image: UInt8Array) -> tuple[int, list[int]]:
    """Height of the strip and the CELLS + 1 edges of its cells."""
    width = image.shape[1]
    return max(2, image.shape[0] // STRIP_SHARE), [round(cell * width / CELLS) for cell in range(CELLS + 1)]


def _core(row: np.ndarray, left: int, right: int) -> float:
    """Mean of a cell without its edges, into which neighbours bleed."""
    margin = (right - left) // 4
    return float(row[left + margin : right - margin].mean())


def _bits(number: int, count: int) -> list[int]:
    return [number >> position & 1 for position in reversed(range(count))]


def _number(bits: np.ndarray) -> int:
    return int("".join("1" if bit else "0" for bit in bits), 2)


def _checksum(number: int) -> int:
    """Sum of the number's groups of four bits, plus one so that an all-black strip is no number."""
    return (sum(number >> shift & 15 for shift in range(0, BITS, 4)) * 7 + 1) & 15
