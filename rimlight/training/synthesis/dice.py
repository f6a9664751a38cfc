"""Random numbers that depend on names and on nothing else, so that any sample can be made again anywhere."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
AT_ONCE = 64  # numbers drawn in one call of the generator: single calls would cost more than the arithmetic
SEED_BITS = 63


class Dice:
    """Draws for what `names` say: a seed, a stage, a step, a sample.

    Dice of other names are independent; `of` gives those of a part, so that one part may draw more or less without
    changing another. Numbers come from PyTorch's generator on the processor.
    """

    def __init__(self, *names: object) -> None:
        digest = hashlib.blake2b(repr(names).encode(), digest_size=8).digest()
        self.names = names
        self.seed = int.from_bytes(digest, "big") >> (64 - SEED_BITS)
        self._generator = torch.Generator().manual_seed(self.seed)
        self._left: list[float] = []

    def of(self, *names: object) -> Dice:
        """The dice of a part."""
        return Dice(*self.names, *names)

    def unit(self) -> float:
        """A number from 0 to below 1."""
        if not self._left:
            self._left = torch.rand(AT_ONCE, generator=self._generator, dtype=torch.float64).tolist()
        return self._left.pop()

    def chance(self, share: float) -> bool:
        """True in that share of draws: never at 0, always at 1."""
        return self.unit() < share

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.unit()

    def either_way(self, most: float) -> float:
        """A number from -most to most, small ones more often: the mean of two evenly spread ones."""
        return most * (self.unit() + self.unit() - 1)

    def magnitude(self, low: float, high: float) -> float:
        """Between low and high with evenly spread logarithm; evenly spread where low is 0."""
        if low <= 0:
            return self.between(low, high)
        return low * math.exp(math.log(high / low) * self.unit())

    def index(self, count: int) -> int:
        """A whole number from 0 to below count."""
        return min(int(self.unit() * count), count - 1)

    def one(self, choices: Sequence[T]) -> T:
        return choices[self.index(len(choices))]

    def sign(self) -> float:
        return 1.0 if self.unit() < 0.5 else -1.0

    def grain(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """Normally distributed float32 of that shape, drawn on the device; the same on processors every time."""
        generator = torch.Generator(device).manual_seed(self.seed)
        return torch.randn(tuple(shape), generator=generator, device=device)
