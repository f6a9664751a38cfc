"""Mattes of any frame of a film by the live network. Letters: H, W size of the video."""

from __future__ import annotations

from dataclasses import replace

from rimlight.realtime.session import Session, Settings
from rimlight.signature import SLOTS
from rimlight.studio.reel import Reel
from rimlight.studio.survey import Survey
from rimlight.types import FloatArray, Frame


class LiveMattes:
    """Alpha of frames in any order, the same in every order; frame after frame costs one step of the network each.

    reel: gives the two frames before one that does not follow the last. The network is opened for the first frame;
    close frees it. Raises what Session does.
    """

    def __init__(self, settings: Settings, survey: Survey, reel: Reel) -> None:
        self.settings, self._survey, self._reel = settings, survey, reel
        self._session: Session | None = None
        self._last: tuple[int, FloatArray] | None = None

    def alpha(self, number: int, frame: Frame) -> FloatArray:
        """(H, W) 0..1 of a frame; not to be written to."""
        last, self._last = self._last, None  # a step that fails leaves nothing that could be followed
        if last is None or last[0] != number:
            last = (number, self._step_to(number, frame, None if last is None else last[0]))
        self._last = last
        return last[1]

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session, self._last = None, None

    def _step_to(self, number: int, frame: Frame, last: int | None) -> FloatArray:
        begin = self._survey.shot(number).start
        follows = last == number - 1 and number != begin
        first = number if follows else max(begin, number - SLOTS)
        for near in range(first, number):
            self._matte(self._reel.frame(near), cut=near == first)
        return self._matte(frame, cut=not follows and first == number)

    def _matte(self, frame: Frame, *, cut: bool) -> FloatArray:
        self._session = self._session or Session(self.settings)
        return self._session.matte(replace(frame, cut=cut)).alpha
