"""Trimaps: grey pictures of three levels that say what is backdrop, what is foreground, and what is to be found out.

Letters: H, W full size; h, w internal size; classes in the order backdrop, unknown, foreground.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from rimlight.errors import SinkError
from rimlight.studio.errors import TrimapError
from rimlight.types import FloatArray, Size, UInt8Array

BACKDROP, UNKNOWN, FOREGROUND = 0, 128, 255
LEVELS = (BACKDROP, UNKNOWN, FOREGROUND)
MEANINGS = "0 (backdrop), 128 (unknown) and 255 (foreground)"
MOST_NAMED = 6  # levels that an error lists
LEAST_UNKNOWN = 0.25  # share of a small pixel from which it is unknown, so that thin bands survive scaling down
SURE = 0.02  # alpha this close to 0 or 1 needs no finding out
WIDENED = 0.008  # of the long side, by which the uncertain band of a matte grows
SPECK = 0.005  # share of the picture below which an unknown spot on its own is noise
PNG_EFFORT = [cv2.IMWRITE_PNG_COMPRESSION, 3]


def read_trimap(path: Path, size: Size) -> UInt8Array:
    """(H, W) uint8 of a file; raises TrimapError where it is missing, no picture, or not as check_trimap wants it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TrimapError(f"the trimap {path} cannot be read: {error.strerror}; check the path") from error
    return decode_trimap(data, size, str(path))


def decode_trimap(data: bytes, size: Size, name: str) -> UInt8Array:
    """(H, W) uint8 of an encoded picture called name; raises as read_trimap does."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if image is None:
        raise TrimapError(f"{name} is no picture; save the trimap as a grey PNG of {MEANINGS}")
    return check_trimap(_grey(np.asarray(image), name), size, name)


def check_trimap(trimap: UInt8Array, size: Size, name: str) -> UInt8Array:
    """The trimap if it is of that size and has no other levels; raises TrimapError that says which came otherwise."""
    if trimap.shape != (size.height, size.width):
        came = Size(*trimap.shape)
        raise TrimapError(f"{name} is {came}, but the video is {size}; save the trimap at the video's size")
    counts = np.bincount(trimap.reshape(-1), minlength=256)
    others = [level for level in np.flatnonzero(counts).tolist() if level not in LEVELS]
    if others:
        listed = ", ".join(map(str, others[:MOST_NAMED])) + (" …" if len(others) > MOST_NAMED else "")
        share = 100 * counts[others].sum() / trimap.size
        raise TrimapError(
            f"{name} has grey levels {listed} ({share:.2g} % of its pixels); expected only {MEANINGS}: "
            "draw without soft edges and save without compression losses"
        )
    return trimap


def encode_trimap(trimap: UInt8Array) -> bytes:
    """The trimap as a grey PNG."""
    good, data = cv2.imencode(".png", trimap, PNG_EFFORT)
    if not good:
        raise SinkError(f"a trimap of {Size(*trimap.shape)} cannot be written as PNG; is memory short?")
    return data.tobytes()


def trimap_of_matte(alpha: FloatArray, widened: float = WIDENED) -> UInt8Array:
    """(H, W) trimap of a matte (H, W) 0..1: its uncertain band, grown on both sides by a share of the long side."""
    reach = max(1, round(widened * max(alpha.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    backdrop = cv2.erode((alpha <= SURE).astype(np.uint8), kernel, borderType=cv2.BORDER_REPLICATE)
    foreground = cv2.erode((alpha >= 1 - SURE).astype(np.uint8), kernel, borderType=cv2.BORDER_REPLICATE)
    trimap = np.full(alpha.shape, UNKNOWN, np.uint8)
    trimap[backdrop > 0] = BACKDROP
    trimap[foreground > 0] = FOREGROUND
    return _without_specks(trimap)


def _without_specks(trimap: UInt8Array) -> UInt8Array:
    """The trimap with small unknown spots that touch no foreground as backdrop: what a matte has in corners."""
    count, parts, facts, _ = cv2.connectedComponentsWithStats((trimap != BACKDROP).astype(np.uint8))
    holds_some = np.zeros(count, bool)
    holds_some[parts[trimap == FOREGROUND]] = True
    small = facts[:, cv2.CC_STAT_AREA] < SPECK * trimap.size
    trimap[(small & ~holds_some)[parts] & (trimap == UNKNOWN)] = BACKDROP
    return trimap


def one_hot(trimap: UInt8Array) -> FloatArray:
    """(3, H, W) float32 of a trimap (H, W): one where the class is."""
    return np.stack([trimap == level for level in LEVELS]).astype(np.float32)


def shrink_trimap(trimap: UInt8Array, small: Size) -> UInt8Array:
    """(h, w) of a trimap (H, W): the class that most of a small pixel has, or unknown if enough of it is."""
    if trimap.shape == (small.height, small.width):
        return trimap
    shares = [
        cv2.resize((trimap == level).astype(np.float32), (small.width, small.height), interpolation=cv2.INTER_AREA)
        for level in LEVELS
    ]
    known = np.where(shares[2] > shares[0], np.uint8(FOREGROUND), np.uint8(BACKDROP))
    return np.where(shares[1] >= LEAST_UNKNOWN, np.uint8(UNKNOWN), known)


def trimap_of_classes(probabilities: FloatArray, size: Size) -> UInt8Array:
    """(H, W) trimap of class probabilities (3, h, w), stretched before the likeliest is taken, so that edges are
    smooth; where two are alike, unknown wins.
    """
    backdrop, unknown, foreground = (
        plane if plane.shape == (size.height, size.width)
        else cv2.resize(plane, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
        for plane in probabilities
    )  # fmt: skip
    trimap = np.full((size.height, size.width), UNKNOWN, np.uint8)
    trimap[(backdrop > unknown) & (backdrop > foreground)] = BACKDROP
    trimap[(foreground > unknown) & (foreground > backdrop)] = FOREGROUND
    return trimap


def _grey(image: npt.NDArray[Any], name: str) -> UInt8Array:
    """(H, W) of a decoded picture, whose colours must be grey and whose alpha is left aside."""
    if image.dtype != np.uint8:
        raise TrimapError(f"{name} has {8 * image.dtype.itemsize} bits a channel; save it with 8")
    if image.ndim == 2:
        return np.asarray(image, np.uint8)
    first = image[:, :, 0]
    if any(not np.array_equal(first, image[:, :, channel]) for channel in range(1, min(3, image.shape[2]))):
        raise TrimapError(f"{name} is in colour; save it as a grey PNG of {MEANINGS}")
    return np.ascontiguousarray(first, np.uint8)
