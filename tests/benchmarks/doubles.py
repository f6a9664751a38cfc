"""A peer that needs no model, and a clock that needs no time."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import numpy as np

from rimlight.benchmarks.peers.base import AlphaAndForeground, Peer
from rimlight.benchmarks.peers.fetch import Model, Package, member
from rimlight.benchmarks.timing import Clock
from rimlight.errors import SourceError
from rimlight.types import UInt8Array

NOBODY = Model(Package("PyPI", "nobody", "0"), "nobody.onnx", "0" * 64, member("nobody"))


class HalfPeer(Peer):
    """Every pixel is half person; counts its resets."""

    name = "half"
    licence = "none"
    model = NOBODY

    def __init__(self, cache: Path | None = None, ratio: float | None = None) -> None:
        super().__init__(cache)
        self.ratio = ratio
        self.resets = 0

    def prepare(self) -> Path:
        return Path()

    def reset(self) -> None:
        self.resets += 1

    def _load(self, path: Path, threads: int) -> None: ...

    def _matte(self, image: UInt8Array) -> AlphaAndForeground:
        return np.full(image.shape[:2], 0.5, np.float32), None


class AbsentPeer(HalfPeer):
    """Cannot be had."""

    name = "absent"

    def prepare(self) -> Path:
        raise SourceError("cannot fetch it: no route")


def ticking(step_s: float = 0.25) -> Clock:
    """Every look at the clock is step_s later than the one before; a rest takes no time."""
    ticks = count()
    return Clock(lambda: next(ticks) * step_s, lambda: None)
