"""From a stream's timestamps to seconds from its start that never go back, and where the picture is cut."""

from __future__ import annotations

from rimlight.types import Size

JUMP_S = 1.0  # a gap longer than this beyond the usual interval is a cut: nobody knows what happened in it


class Timeline:
    """Places frame after frame.

    interval_s: the usual time between frames, used where a frame has no timestamp.
    start_s: timestamp that becomes 0; the first frame's where None.
    """

    def __init__(self, interval_s: float, start_s: float | None = None) -> None:
        self._interval_s = interval_s
        self._start_s = start_s
        self._last_s: float | None = None
        self._size: Size | None = None

    def place(self, time_s: float | None, size: Size) -> tuple[float, bool]:
        """(pts_s, cut) of the next frame, whose timestamp is time_s, or None where it has none."""
        if self._last_s is None or self._start_s is None:
            return self._first(time_s, size)
        if time_s is None:
            time_s = self._last_s + self._interval_s
        back = time_s < self._last_s
        if back:  # spliced recordings start their clocks again: go on from where the first one ended
            self._start_s -= self._last_s + self._interval_s - time_s
        cut = back or size != self._size or time_s - self._last_s > JUMP_S + self._interval_s
        self._last_s, self._size = time_s, size
        return time_s - self._start_s, cut

    def _first(self, time_s: float | None, size: Size) -> tuple[float, bool]:
        if self._start_s is None:
            self._start_s = 0.0 if time_s is None else time_s
        self._last_s = self._start_s if time_s is None else time_s
        self._size = size
        return self._last_s - self._start_s, True
