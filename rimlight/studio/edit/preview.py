"""The matte of single frames at a reduced size, quickly enough to be looked at while drawing.

Letters: h, w reduced size.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from rimlight.realtime.backdrops import open_backdrop
from rimlight.signature import internal_size
from rimlight.studio.networks import Networks
from rimlight.studio.pictures import Finisher
from rimlight.studio.propagate import Propagation
from rimlight.studio.reel import Reel
from rimlight.studio.survey import Survey
from rimlight.studio.tiles import tiling_of
from rimlight.studio.window import Marked, Window
from rimlight.types import UInt8Array

LONG_SIDE = 640


class Preview:
    """Mattes of frames in any order; frames side by side share what was computed."""

    def __init__(self, video: Path, survey: Survey, networks: Networks) -> None:
        self._survey, self._matter = survey, networks.matter
        self.size = internal_size(survey.size, LONG_SIDE)
        self._tiling = tiling_of(self.size, whole=self.size.height * self.size.width)
        self._reel = Reel(video, survey.count, kept=2 * networks.matter.radius + 2)
        self._window = Window(networks.matter, self._tiling)
        self._revision = -1

    def show(self, number: int, propagation: Propagation, revision: int, backdrop: str | None) -> UInt8Array:
        """(h, w) uint8 matte of a frame, or (h, w, 3) of the person before a backdrop; revision: of the marks."""
        if revision != self._revision:
            self._window, self._revision = Window(self._matter, self._tiling), revision
        shot = self._survey.shot(number)
        numbers = [shot.start + place for place in self._matter.window(number - shot.start, len(shot))]

        def marked(near: int) -> Marked:
            frame = self._reel.frame(near)
            return Marked(frame.image, propagation.trimap(near, frame)).shrunk(self.size)

        alpha = self._window.alpha(number, numbers, marked)
        if backdrop is None:
            return np.round(alpha * 255).astype(np.uint8)
        frame = self._reel.frame(number)
        with closing(open_backdrop(backdrop)) as behind:
            painted = Finisher(behind, "rgb")(self._small(frame.image), alpha, frame.pts_s)
        return np.asarray(painted, np.uint8)

    def close(self) -> None:
        self._reel.close()

    def _small(self, image: UInt8Array) -> UInt8Array:
        to = (self.size.width, self.size.height)
        return np.asarray(cv2.resize(image, to, interpolation=cv2.INTER_AREA), np.uint8)
