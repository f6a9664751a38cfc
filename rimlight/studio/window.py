"""A window of frames that slides over a clip: features are computed once a frame and tile, and kept while they serve.

Letters: H, W size of the picture; h, w size of a tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from rimlight.studio.networks import Features, Matter
from rimlight.studio.tiles import Tile, Tiling
from rimlight.studio.trimaps import BACKDROP, FOREGROUND, UNKNOWN, one_hot, shrink_trimap
from rimlight.types import FloatArray, Size, UInt8Array


@dataclass(frozen=True, slots=True)
class Marked:
    """A frame with its trimap: image (H, W, 3) uint8 RGB, trimap (H, W) uint8."""

    image: UInt8Array
    trimap: UInt8Array

    def shrunk(self, small: Size) -> Marked:
        """Both at a smaller size."""
        image = cv2.resize(self.image, (small.width, small.height), interpolation=cv2.INTER_AREA)
        return Marked(np.asarray(image, np.uint8), shrink_trimap(self.trimap, small))


@dataclass(frozen=True, slots=True)
class _Held:
    """A frame of the window at its padded size, with the features of the tiles that were needed so far."""

    image: UInt8Array
    trimap: UInt8Array
    features: dict[int, Features] = field(default_factory=dict)


class Window:
    """Alpha of frames in order; holds the frames of one window and no others.

    Tiles in which the trimap of a frame knows everything are left out for it, and features are computed when a tile
    needs them first. looks: how many were computed.
    """

    def __init__(self, matter: Matter, tiling: Tiling) -> None:
        self._matter, self._tiling = matter, tiling
        self._held: dict[int, _Held] = {}
        self.looks = 0

    def alpha(self, frame: int, numbers: Sequence[int], show: Callable[[int], Marked]) -> FloatArray:
        """(H, W) float32 0..1 of a frame.

        numbers: the frames of its window. show: gives those that are not held yet, each once. Known pixels of the
        trimap are 0 and 1.
        """
        for number in sorted(set(numbers) - self._held.keys()):
            self._held[number] = self._padded(show(number))
        for number in self._held.keys() - set(numbers):
            del self._held[number]
        middle = self._held[frame]
        whole = np.zeros((self._tiling.padded.height, self._tiling.padded.width), np.float32)
        for index, tile in enumerate(self._tiling.tiles):
            if (middle.trimap[tile.at] == UNKNOWN).any():
                seen = [self._features(self._held[number], index, tile) for number in numbers]
                whole[tile.at] += tile.weight * self._matter.alpha(seen)
        whole[middle.trimap == BACKDROP] = 0
        whole[middle.trimap == FOREGROUND] = 1
        return np.clip(self._tiling.crop(whole), 0, 1)

    def _padded(self, shown: Marked) -> _Held:
        return _Held(self._tiling.pad(shown.image), self._tiling.pad(shown.trimap))

    def _features(self, held: _Held, index: int, tile: Tile) -> Features:
        if index not in held.features:
            image = held.image[tile.at].transpose(2, 0, 1).astype(np.float32) / np.float32(255)  # (3, h, w)
            held.features[index] = self._matter.look(image, one_hot(held.trimap[tile.at]))
            self.looks += 1
        return held.features[index]
