"""Coefficients on the device made ready for the full-resolution pass: compose.adjust_edges, and a check.

Letters: h, w internal size; H, W full size.
"""

from __future__ import annotations

from dataclasses import dataclass

from rimlight.compose import EdgeOptions
from rimlight.gpu.launching import Launcher, Value, at
from rimlight.gpu.resources import Buffer
from rimlight.types import Size

SHARPEST = 0.1  # sigma of a feather, as in compose.adjust_edges


@dataclass(frozen=True, slots=True)
class Maps:
    """Device addresses of what the network reads and writes for one frame, all float32.

    images (3, h, w) and own (1) are written by the shrinking kernel, scale and offset (4, h, w) by the network.
    """

    images: int
    own: int
    scale: int
    offset: int


class Edges:
    """Keeps the memory for maps of one internal size."""

    def __init__(self, launcher: Launcher, full: Size, small: Size) -> None:
        self._launcher = launcher
        self._full, self._small = full, small
        self._cells = small.height * small.width

    def alpha(self, maps: Maps) -> Buffer:
        """The matte before edges are adjusted, (h, w) float32; valid until the next call."""
        alpha = self._launcher.room("alpha", 4 * self._cells)
        self._over("low_alpha", at(maps.images), at(maps.scale), at(maps.offset), alpha)
        return alpha

    def prepare(self, maps: Maps, options: EdgeOptions, mark: int) -> Buffer:
        """Coefficients with adjusted edges as (h, w, 2, 4) float32: scale and offset of each cell.

        The word behind the address mark counts those that are no numbers. Valid until the next call.
        """
        model = self._launcher.room("model", 32 * self._cells)
        feathered = self._feathered(maps, options.feather_px) if options.feather_px else None
        gain, shift = float(1 + 2 * abs(options.shift)), float(min(0, 2 * options.shift))
        self._over("prepare", at(maps.scale), at(maps.offset), feathered, gain, shift, model, at(mark))
        return model

    def _feathered(self, maps: Maps, feather_px: float) -> Buffer:
        """The matte after a Gaussian in both directions, (h, w) float32."""
        sigma = float(max(feather_px * self._small.width / self._full.width, SHARPEST))
        first, second = self.alpha(maps), self._launcher.room("feathered", 4 * self._cells)
        height, width = self._small.height, self._small.width
        for source, target, down in ((first, second, 0), (second, first, 1)):
            self._launcher.over(self._small, "feather", source, target, height, width, down, sigma, radius_of(sigma))
        return first

    def _over(self, name: str, *values: Value) -> None:
        self._launcher.over(self._small, name, *values, self._small.height, self._small.width)


def radius_of(sigma: float) -> int:
    """How far OpenCV's Gaussian of float pictures reaches."""
    return (round(sigma * 8 + 1) | 1) // 2
