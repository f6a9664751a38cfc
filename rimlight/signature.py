"""Names, shapes and types of one call of the network: the single source for export, backends and tests.

A call takes T consecutive frames of B independent streams; a live step is T = 1. Frame t of a stream reads the keys and
values of frames t-2 and t-1, except where `own` is set (the first two frames after a cut), which read their own.

Letters: B streams, T frames, S = 2 memory slots, Ck key channels, Cv value channels, H, W internal size, h = H/16, w
= W/16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rimlight.errors import FrameError
from rimlight.types import Size

SLOTS = 2
KEY_CHANNELS = 16
VALUE_CHANNELS = 64
COEFFICIENTS = 4  # red, green, blue, alpha
STRIDE = 16  # internal sides are multiples of it: the mixed 1/16 maps need whole cells

INPUTS = ("images", "keys", "values", "own")
OUTPUTS = ("scale", "offset", "next_keys", "next_values")
HIDDEN = "hidden"  # one more output, of the decoder: for backends that compute the last layers by kernels.tail
HIDDEN_CHANNELS = 16
DIMENSIONS = ("streams", "frames", "height", "width", "cells_high", "cells_wide", "pictures")


@dataclass(frozen=True, slots=True)
class CallShape:
    """The free dimensions of one call, fixed when a session opens."""

    size: Size
    streams: int = 1
    frames: int = 1

    def __post_init__(self) -> None:
        check_internal(self.size)

    @property
    def cells(self) -> Size:
        return Size(self.size.height // STRIDE, self.size.width // STRIDE)

    def tensor(self, name: str) -> tuple[int, ...]:
        """Shape of the named input or output."""
        outer = (self.streams, self.frames)
        full = (self.size.height, self.size.width)
        cells = (self.cells.height, self.cells.width)
        shapes = {
            "images": (*outer, 3, *full),
            "own": outer,
            "keys": (self.streams, SLOTS, KEY_CHANNELS, *cells),
            "values": (self.streams, SLOTS, VALUE_CHANNELS, *cells),
            "scale": (*outer, COEFFICIENTS, *full),
            "offset": (*outer, COEFFICIENTS, *full),
            HIDDEN: (self.streams * self.frames, HIDDEN_CHANNELS, *full),
        }
        return shapes[name.removeprefix("next_")]

    def dimensions(self) -> dict[str, int]:
        """Value of every named free dimension of the exported graph."""
        outer, full, cells = (self.streams, self.frames), self.size, self.cells
        values = (*outer, full.height, full.width, cells.height, cells.width, self.streams * self.frames)
        return dict(zip(DIMENSIONS, values, strict=True))


def check_internal(size: Size) -> Size:
    """Return size if both sides are multiples of 16; raise FrameError that names the nearest usable size otherwise."""
    if size.height % STRIDE or size.width % STRIDE:
        near = Size(*(max(STRIDE, round(side / STRIDE) * STRIDE) for side in (size.height, size.width)))
        raise FrameError(f"expected an internal size in multiples of {STRIDE}, got {size}; use {near}")
    return size


def internal_size(full: Size, long_side: int = 512) -> Size:
    """Size at which the network sees frames of size full: long side as asked, aspect kept, multiples of 16.

    Frames smaller than that are not enlarged beyond the next multiple. Raises FrameError if long_side is below 64 or
    not a multiple of 16.
    """
    if long_side < 64 or long_side % STRIDE:
        raise FrameError(f"expected an internal long side of at least 64 in multiples of {STRIDE}, got {long_side}")
    ratio = min(1.0, long_side / max(full.height, full.width))

    def snapped(side: int) -> int:
        return max(2 * STRIDE, round(side * ratio / STRIDE) * STRIDE)

    return Size(snapped(full.height), snapped(full.width))


def own_frames(age: int, cuts: Sequence[bool]) -> tuple[list[float], int]:
    """The `own` input for consecutive frames, and the age after them.

    age: frames since the cut that the memory has seen, 2 when full. cuts: whether each frame is a cut.
    """
    own = []
    for cut in cuts:
        age = 0 if cut else age
        own.append(1.0 if age < SLOTS else 0.0)
        age = min(SLOTS, age + 1)
    return own, age
