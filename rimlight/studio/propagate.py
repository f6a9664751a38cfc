"""From a few marked frames to a trimap for every frame.

The nearest marked frame in time is the reference (Sun et al. 2021, section 4.1), so the trimap of a frame depends on
its number alone, and any frame can be asked for. The network sees pictures at an internal size; its probabilities are
stretched to the full one. Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

from collections import OrderedDict

from rimlight.pixels import Shrinker
from rimlight.signature import internal_size
from rimlight.studio.marks import Marks, reference_of
from rimlight.studio.networks import Propagator, Reference
from rimlight.studio.reel import Reel
from rimlight.studio.survey import Survey
from rimlight.studio.trimaps import one_hot, shrink_trimap, trimap_of_classes
from rimlight.types import FloatArray, Frame, Size, UInt8Array

LONG_SIDE = 512
REMEMBERED = 3  # marked frames at a time


class Propagation:
    """Trimaps of any frame. reel: gives the marked frames; others' pictures are handed in."""

    def __init__(
        self, propagator: Propagator, marks: Marks, survey: Survey, reel: Reel, long_side: int = LONG_SIDE
    ) -> None:
        self._propagator, self._marks, self._survey, self._reel = propagator, marks, survey, reel
        self._frames = list(marks.frames)
        self.small: Size = internal_size(survey.size, long_side)
        self._shrink = Shrinker(survey.size, self.small)
        self._remembered: OrderedDict[int, Reference] = OrderedDict()

    def reference(self, number: int) -> int:
        """The marked frame that a frame's trimap comes from; raises TrimapError where none is marked."""
        return reference_of(number, self._frames, self._survey)

    def trimap(self, number: int, frame: Frame) -> UInt8Array:
        """(H, W) trimap of a frame: its own if it is marked."""
        marked = self.reference(number)
        if marked == number:
            return self._marks.trimap(number)
        reference = self._reference(marked)
        classes = self._propagator.classes(self._small(frame), reference)
        return trimap_of_classes(classes, self._survey.size)

    def _reference(self, marked: int) -> Reference:
        if marked not in self._remembered:
            trimap = shrink_trimap(self._marks.trimap(marked), self.small)
            image = self._small(self._reel.frame(marked))
            self._remembered[marked] = self._propagator.remember(image, one_hot(trimap))
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(marked)
        return self._remembered[marked]

    def _small(self, frame: Frame) -> FloatArray:
        return self._shrink(frame.pixels).copy()
