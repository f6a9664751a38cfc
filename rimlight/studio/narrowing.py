"""Less unknown at full size: a large picture is seen small first, and is known where the matting network is sure then.

The network learned from pictures of some hundred pixels. Amid a wide unknown region of a large picture it sees neither
side, and guesses. Letters: H, W size of the picture; h, w of the small one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from rimlight.signature import internal_size
from rimlight.studio.networks import Matter
from rimlight.studio.tiles import tiling_of
from rimlight.studio.trimaps import UNKNOWN, trimap_of_matte
from rimlight.studio.window import Marked, Window
from rimlight.types import FloatArray, Size

LARGE = 640  # long side above which pictures are seen small first
LONG_SIDE = 512  # at which they are
WIDENED = 0.004  # of the long side, by which the uncertain band grows; finer than a trimap that nothing follows


class Narrowing:
    """Trimaps of frames in order, with no more unknown than the network has left; holds one window of small frames."""

    def __init__(self, matter: Matter, size: Size) -> None:
        self._size = size
        self.small = internal_size(size, LONG_SIDE)
        self._window = Window(matter, tiling_of(self.small, whole=self.small.height * self.small.width))

    def marked(self, frame: int, numbers: Sequence[int], show: Callable[[int], Marked]) -> Marked:
        """A frame with its trimap, (H, W), narrowed; what was known stays.

        numbers: the frames of its window. show: gives frames with the trimaps that they have, (H, W).
        """
        alpha = self._window.alpha(frame, numbers, lambda number: show(number).shrunk(self.small))
        whole = show(frame)
        sure = trimap_of_matte(self._stretched(alpha), WIDENED)
        return Marked(whole.image, np.where(whole.trimap == UNKNOWN, sure, whole.trimap))

    def _stretched(self, alpha: FloatArray) -> FloatArray:
        to = (self._size.width, self._size.height)
        return np.asarray(cv2.resize(alpha, to, interpolation=cv2.INTER_LINEAR), np.float32)


def narrowing_of(matter: Matter, size: Size) -> Narrowing | None:
    """What narrows trimaps of videos of a size; None where they are small."""
    return Narrowing(matter, size) if max(size.height, size.width) > LARGE else None
