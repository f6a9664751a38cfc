"""How pictures lie in the memory that crosses the bus: header and picture on the way up, picture and status down.

Pictures have no gaps; planes lie one after the other, chroma of odd sizes rounded up.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from rimlight.kernels.color import to_rgb_matrix
from rimlight.pixels import size_of
from rimlight.types import I420, Pixels, Size, UInt8Array

Form: TypeAlias = Literal["rgb", "rgba", "i420"]
CHANNELS = {"rgb": 3, "rgba": 4}
STATUS_BYTES = 8  # two uint32, little end first: number of the frame modulo 2**32, count of coefficients that are none
ALIGNMENT = 16  # of the status behind the picture

# Header of kernels/picture.h, in front of every picture that goes up; matrix is kernels.color.to_rgb_matrix.
HEADER = np.dtype(
    [("number", "<u4"), ("form", "<u4"), ("own", "<f4"), ("matrix", "<f4", 6), ("unused", "<u4", 7)]
)  # fmt: skip
HEADER_BYTES = HEADER.itemsize
RGB, PLANES = 0, 1  # of HEADER's form


def form_of(pixels: Pixels) -> Form:
    """How pixels are laid out."""
    if isinstance(pixels, I420):
        return "i420"
    return "rgb" if pixels.shape[2] == 3 else "rgba"


def picture_bytes(size: Size, form: Form) -> int:
    """Bytes of a picture."""
    pixels = size.height * size.width
    if form == "i420":
        return pixels + 2 * ((size.height + 1) // 2) * ((size.width + 1) // 2)
    return pixels * CHANNELS[form]


def status_offset(size: Size, form: Form) -> int:
    """Where the status begins behind a picture."""
    return -(-picture_bytes(size, form) // ALIGNMENT) * ALIGNMENT


def room_bytes(size: Size, form: Form) -> int:
    """Bytes of a picture, padding and status: what one download brings."""
    return status_offset(size, form) + STATUS_BYTES


def pack(pixels: Pixels, room: UInt8Array) -> None:
    """Copy RGB or planes into the beginning of room (bytes,), without gaps."""
    for part, place in _parts(pixels, room):
        place[:] = part


def unpack(room: UInt8Array, out: Pixels) -> None:
    """Copy a picture without gaps from the beginning of room (bytes,) into RGB, RGBA or planes."""
    for part, place in _parts(out, room):
        part[:] = place


def pack_upload(pixels: Pixels, room: UInt8Array, number: int = 0, own: float = 0.0) -> int:
    """Write header and picture, RGB or planes, into room (bytes,); returns how many bytes they are."""
    header = room[:HEADER_BYTES].view(HEADER)
    header["number"], header["own"], header["unused"] = number % 2**32, own, 0
    if isinstance(pixels, I420):
        header["form"], header["matrix"] = PLANES, to_rgb_matrix(pixels.bt709, pixels.full_range)
    else:
        header["form"], header["matrix"] = RGB, 0
    pack(pixels, room[HEADER_BYTES:])
    return HEADER_BYTES + picture_bytes(size_of(pixels), form_of(pixels))


def _parts(pixels: Pixels, room: UInt8Array) -> list[tuple[UInt8Array, UInt8Array]]:
    """Each array of pixels with its place in room."""
    arrays = [pixels.y, pixels.u, pixels.v] if isinstance(pixels, I420) else [pixels]
    found, first = [], 0
    for array in arrays:
        found.append((array, room[first : first + array.size].reshape(array.shape)))
        first += array.size
    return found
