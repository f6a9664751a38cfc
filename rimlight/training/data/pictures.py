"""Decoding the bytes of a stored picture, in full or not at all: half a download is an error, never a grey area.

Letters: H, W height and width of the picture.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from rimlight.errors import DataError
from rimlight.types import UInt8Array

MAX_PIXELS = 1 << 27  # 134 megapixels: above any photo, below what would exhaust the memory of a small machine
MAX_BYTES = 1 << 29
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
SCAN, END = b"\xff\xda", b"\xff\xd9"  # JPEG markers: start of scan, end of image (ITU-T T.81, table B.1)
SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, with height and width
SNAPPED = np.array([0 if v <= 5 else 255 if v >= 250 else v for v in range(256)], np.uint8)


def is_jpeg(data: bytes) -> bool:
    """Whether the bytes start as JPEG files do."""
    return data.startswith(JPEG)


def decode_image(data: bytes, name: str) -> UInt8Array:
    """(H, W, 3) uint8 RGB of an encoded picture, turned by its EXIF orientation; 16 bits are cut to 8, alpha is left.

    Raises DataError, which names it, where the bytes are no picture, end too early or would decode to too many pixels.
    """
    decoded = _decode(data, name, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(np.asarray(decoded, np.uint8), cv2.COLOR_BGR2RGB), np.uint8)


def decode_alpha(data: bytes, name: str, *, snap: bool = False) -> UInt8Array:
    """(H, W) uint8 of an encoded alpha: the fourth channel where there is one that varies, else the grey.

    16 bits are rounded to 8. snap: make the last 2 % at either end exact, as data that was stored as JPEG needs.
    Raises DataError as decode_image does, and where the picture is coloured.
    """
    alpha = _to_bytes(_grey(_decode(data, name, cv2.IMREAD_UNCHANGED), name), name)
    return np.take(SNAPPED, alpha) if snap else np.ascontiguousarray(alpha)


def header_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) that a PNG or JPEG states before EXIF turns it; None for other formats or a damaged header."""
    if data.startswith(PNG) and len(data) >= 24:
        return int.from_bytes(data[20:24], "big"), int.from_bytes(data[16:20], "big")
    return _jpeg_size(data) if is_jpeg(data) else None


def has_alpha(data: bytes) -> bool:
    """Whether the first bytes of a file are those of a PNG with an alpha channel (colour types 4 and 6)."""
    return data.startswith(PNG) and len(data) > 25 and data[25] in (4, 6)


def _decode(data: bytes, name: str, way: int) -> npt.NDArray[Any]:
    _check_whole(data, name)
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), way)
    except cv2.error as error:
        raise DataError(f"{name}: cannot be decoded ({error.err}); fetch it again") from error
    if decoded is None:
        raise DataError(f"{name}: expected a picture, got {len(data)} bytes that cannot be decoded; fetch it again")
    _check_pixels(decoded.shape[0], decoded.shape[1], name)
    return decoded


def _check_whole(data: bytes, name: str) -> None:
    if not data:
        raise DataError(f"{name}: the file is empty; fetch it again")
    # Decoders fill what is missing with grey, so the end is looked for. A thumbnail's end comes before the last scan.
    cut_off = is_jpeg(data) and data.rfind(END) < data.rfind(SCAN)
    if cut_off or (data.startswith(PNG) and b"IEND" not in data[-4096:]):
        raise DataError(f"{name}: the picture is cut off after {len(data)} bytes; fetch it again")
    size = header_size(data)
    if size is not None:
        _check_pixels(*size, name)


def _check_pixels(height: int, width: int, name: str) -> None:
    if height * width > MAX_PIXELS:
        raise DataError(
            f"{name}: expected at most {MAX_PIXELS >> 20} million pixels, got {width}x{height}; make it smaller"
        )


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in SIZE_MARKERS:
            height, width = data[position + 5 : position + 7], data[position + 7 : position + 9]
            return int.from_bytes(height, "big"), int.from_bytes(width, "big")
        filler = marker == 0xFF
        position += 1 if filler else 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def _grey(decoded: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    if decoded.ndim == 2:
        return decoded
    if decoded.shape[2] == 4:
        alpha: npt.NDArray[Any] = decoded[:, :, 3]
        if alpha.min() < np.iinfo(alpha.dtype).max:
            return alpha
    colours = decoded[:, :, :3]
    spread = int((colours.max(2) - colours.min(2)).max())  # JPEG may colour a grey picture by a few levels
    if spread > np.iinfo(decoded.dtype).max // 8:
        raise DataError(
            f"{name}: expected a grey alpha or an alpha channel, got colours that differ by {spread}; "
            "is it a picture instead of its alpha?"
        )
    return np.asarray(colours[:, :, 1])


def _to_bytes(alpha: npt.NDArray[Any], name: str) -> UInt8Array:
    if alpha.dtype == np.uint8:
        return np.asarray(alpha, np.uint8)
    if alpha.dtype != np.uint16:
        raise DataError(f"{name}: expected an alpha of 8 or 16 bits, got {alpha.dtype}; convert it to PNG")
    return np.asarray((alpha.astype(np.uint32) + 128) // 257, np.uint8)
