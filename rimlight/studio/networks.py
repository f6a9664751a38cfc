"""The two networks as the studio calls them: plain arrays in and out, what they remember is opaque.

Letters: H, W size of a picture, multiples of STRIDE; classes in the order backdrop, unknown, foreground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rimlight.errors import BackendError
from rimlight.types import FloatArray

STRIDE = 16  # sides of what the networks see are multiples of it

Reference = Any  # a marked frame as the propagator remembers it
Features = Any  # a frame as the matter has looked at it


class Propagator(Protocol):
    """Carries a trimap from a marked frame to another."""

    def remember(self, image: FloatArray, trimap: FloatArray) -> Reference:
        """A marked frame: image (3, H, W) RGB 0..1, trimap (3, H, W) one-hot."""

    def classes(self, image: FloatArray, reference: Reference) -> FloatArray:
        """Probabilities (3, H, W) of the classes of another frame (3, H, W) of the same size."""


class Matter(Protocol):
    """Makes alpha of an image and its trimap, seeing radius frames before and after. radius: frames."""

    radius: int

    def window(self, frame: int, count: int) -> Sequence[int]:
        """The 2 * radius + 1 frames, none farther than radius, that the alpha of a frame of a clip of count needs."""

    def look(self, image: FloatArray, trimap: FloatArray) -> Features:
        """A frame's features: image (3, H, W) RGB 0..1, trimap (3, H, W) one-hot."""

    def alpha(self, window: Sequence[Features]) -> FloatArray:
        """(H, W) 0..1 of the frame in the middle of 2 * radius + 1."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Both networks. mark: tells their weights from others. device: what runs them, in words; pictures hang on both."""

    propagator: Propagator
    matter: Matter
    mark: str
    device: str


def numbers(array: FloatArray, job: str) -> FloatArray:
    """What a network said; raises BackendError where it said NaN or infinity."""
    if not np.isfinite(array).all():
        raise BackendError(f"the studio's {job} network returned numbers that are none; are its weights whole?")
    return array
