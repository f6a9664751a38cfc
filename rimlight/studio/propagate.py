"""From a few marked frames to a trimap for every frame.

The nearest marked frame in time is the reference (Sun et al. 2021, section 4.1), so the trimap of a frame depends on
its number alone, and any frame can be asked for. The network sees pictures at an internal size; its probabilities are
stretched to the full one. Where the live network contradicts what comes of it, nothing is known.
Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from rimlight.pixels import Shrinker
from rimlight.signature import internal_size
from rimlight.studio.doubt import Mask, corrected, doubted
from rimlight.studio.live import LiveMattes
from rimlight.studio.marks import Marks, reference_of
from rimlight.studio.networks import Propagator, Reference
from rimlight.studio.reel import Reel
from rimlight.studio.survey import Survey
from rimlight.studio.trimaps import one_hot, shrink_trimap, trimap_of_classes
from rimlight.types import FloatArray, Frame, Size, UInt8Array

LONG_SIDE = 384
REMEMBERED = 3  # marked frames at a time


@dataclass(frozen=True, slots=True)
class _Mark:
    """A marked frame. holds (H, W): where it holds against the live network in other frames; None without one."""

    reference: Reference
    holds: Mask | None


class Propagation:
    """Trimaps of any frame. reel: gives the marked frames; others' pictures are handed in. live: doubts what is
    carried; None for nobody.
    """

    def __init__(
        self, propagator: Propagator, marks: Marks, survey: Survey, reel: Reel, long_side: int = LONG_SIDE,
        live: LiveMattes | None = None,
    ) -> None:  # fmt: skip
        self._propagator, self._marks, self._survey, self._reel = propagator, marks, survey, reel
        self._live = live
        self._frames = list(marks.frames)
        self.small: Size = internal_size(survey.size, long_side)
        self._shrink = Shrinker(survey.size, self.small)
        self._remembered: OrderedDict[int, _Mark] = OrderedDict()

    def reference(self, number: int) -> int:
        """The marked frame that a frame's trimap comes from; raises TrimapError where none is marked."""
        return reference_of(number, self._frames, self._survey)

    def trimap(self, number: int, frame: Frame) -> UInt8Array:
        """(H, W) trimap of a frame: its own if it is marked."""
        marked = self.reference(number)
        if marked == number:
            return self._marks.trimap(number)
        mark = self._remember(marked)
        trimap = trimap_of_classes(self._propagator.classes(self._small(frame), mark.reference), self._survey.size)
        if self._live is None or mark.holds is None:
            return trimap
        return doubted(trimap, self._live.alpha(number, frame), mark.holds)

    def _remember(self, marked: int) -> _Mark:
        if marked not in self._remembered:
            frame, trimap = self._reel.frame(marked), self._marks.trimap(marked)
            small = one_hot(shrink_trimap(trimap, self.small))
            holds = None if self._live is None else corrected(trimap, self._live.alpha(marked, frame))
            self._remembered[marked] = _Mark(self._propagator.remember(self._small(frame), small), holds)
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(marked)
        return self._remembered[marked]

    def _small(self, frame: Frame) -> FloatArray:
        return self._shrink(frame.pixels).copy()
