"""What comes out of a matter: a frame with what the network says of it, wherever that lies.

Letters: h, w internal size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rimlight.types import Coefficients, FloatArray, Frame, Size


class Seen(Protocol):
    """A frame that the network has seen. Observers take from it what they need: it may have to be downloaded."""

    @property
    def frame(self) -> Frame:
        """The frame itself."""

    @property
    def internal(self) -> Size:
        """Size at which the network saw it."""

    @property
    def small(self) -> FloatArray:
        """(3, h, w) float32 0..1: the frame as the network saw it."""

    @property
    def coefficients(self) -> Coefficients:
        """What the network says."""


@dataclass(frozen=True, slots=True)
class Matted:
    """One whose results are here; small (3, h, w) is the frame as the network saw it."""

    frame: Frame
    small: FloatArray
    coefficients: Coefficients

    @property
    def internal(self) -> Size:
        return Size(*self.small.shape[1:])
