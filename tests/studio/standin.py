"""Stand-ins for the studio's networks: the same calls, plain arithmetic, a reach that is known.

Propagation tells classes by the nearest of the reference's mean colours; alpha is the trimap smoothed by a box of
2 * REACH + 1 pixels and averaged over the window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from rimlight.studio.networks import Networks
from rimlight.types import FloatArray

REACH = 6


class ColourPropagator:
    """remembered: how many marked frames were looked at."""

    def __init__(self) -> None:
        self.remembered = 0

    def remember(self, image: FloatArray, trimap: FloatArray) -> Any:
        self.remembered += 1
        sums = (image[None] * trimap[:, None]).sum((2, 3))
        return sums / np.maximum(trimap.sum((1, 2)), 1)[:, None], trimap.sum((1, 2)) > 0  # (3, 3) class by channel

    def classes(self, image: FloatArray, reference: Any) -> FloatArray:
        means, there = reference
        distances = ((image[None] - means[:, :, None, None]) ** 2).sum(1)  # (3, H, W)
        distances[1] = 0.02  # unknown where neither colour is near
        distances[~there] = 9
        nearest = distances.argmin(0)
        return np.stack([nearest == index for index in range(3)]).astype(np.float32)


class BoxMatter:
    """looks, mats: how often each was asked."""

    def __init__(self, radius: int = 2) -> None:
        self.radius = radius
        self.looks = self.mats = 0

    def window(self, frame: int, count: int) -> Sequence[int]:
        return [min(max(frame + step, 0), count - 1) for step in range(-self.radius, self.radius + 1)]

    def look(self, image: FloatArray, trimap: FloatArray) -> Any:
        self.looks += 1
        rough = trimap[2] + 0.5 * trimap[1] * (0.5 + image.mean(0))
        return cv2.blur(rough, (2 * REACH + 1, 2 * REACH + 1))

    def alpha(self, window: Sequence[Any]) -> FloatArray:
        self.mats += 1
        assert len(window) == 2 * self.radius + 1
        return np.mean(window, axis=0, dtype=np.float32)


def networks(radius: int = 2) -> Networks:
    return Networks(ColourPropagator(), BoxMatter(radius), "standin", "nowhere")
