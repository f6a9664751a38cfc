"""Several float32 arrays in one block of memory, so that one copy moves them all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

import numpy as np

from rimlight.signature import CallShape
from rimlight.types import FloatArray, UInt8Array

ALIGNMENT = 256  # of every array: what kernels of any runtime ask for
ITEM_BYTES = 4
NUMBER = "number"  # of a call, as two words: it goes up with the pictures and comes down with what was made of them
NUMBER_BYTES = 8
WHICH = "which"  # slot of every stream of a call, int32
MEMORY = ("keys", "values")
MADE = ("scale", "offset", NUMBER)


@dataclass(frozen=True, slots=True)
class Layout:
    """Names and shapes of the arrays in their order, and where each begins, in bytes."""

    shapes: dict[str, tuple[int, ...]]
    offsets: dict[str, int]
    size_bytes: int

    @classmethod
    def of(cls, shape: CallShape, names: Iterable[str]) -> Layout:
        """Tensors of rimlight.signature by name, NUMBER and WHICH."""
        ours: dict[str, tuple[int, ...]] = {NUMBER: (2,), WHICH: (shape.streams,)}
        shapes = {name: ours.get(name) or shape.tensor(name) for name in names}
        offsets, end = {}, 0
        for name, one in shapes.items():
            offsets[name] = end
            end += -(-prod(one) * ITEM_BYTES // ALIGNMENT) * ALIGNMENT
        return cls(shapes, offsets, end)

    def addresses(self, first: int, prefix: str = "") -> dict[str, int]:
        """Where each tensor is in a block that begins there; prefix: of the names."""
        ours = (NUMBER, WHICH)
        return {prefix + name: first + offset for name, offset in self.offsets.items() if name not in ours}

    def arrays(self, block: UInt8Array) -> dict[str, FloatArray]:
        """Views of the arrays in a block of host memory."""
        return {
            name: block[self.offsets[name] : self.offsets[name] + prod(one) * ITEM_BYTES].view(np.float32).reshape(one)
            for name, one in self.shapes.items()
        }


def write_number(arrays: dict[str, FloatArray], number: int) -> None:
    """Write the number of a call into its place."""
    arrays[NUMBER].view(np.uint32)[:] = number % 2**32


def has_number(arrays: dict[str, FloatArray], number: int) -> bool:
    """Whether the arrays are those of the call with that number."""
    return bool((arrays[NUMBER].view(np.uint32) == number % 2**32).all())
