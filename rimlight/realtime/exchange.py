"""Three buffers between a thread that paints and one that shows: the newest finished picture wins, without a copy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Buffer = TypeVar("Buffer")


@dataclass(slots=True)
class _Place(Generic[Buffer]):
    buffer: Buffer
    stamp_s: float = 0.0


class Exchange(Generic[Buffer]):
    """The painter owns `back`, the shower owns `front`; finished pictures change places in the middle.

    So a picture that is being shown is never painted over, however long showing takes.
    """

    def __init__(self, make: Callable[[], Buffer]) -> None:
        self._back, self._middle, self._front = _Place(make()), _Place(make()), _Place(make())
        self._fresh = threading.Condition()
        self._new = False
        self.replaced = 0  # finished pictures that nobody took in time

    @property
    def back(self) -> Buffer:
        """Where the next picture is painted."""
        return self._back.buffer

    @property
    def front(self) -> Buffer:
        """The picture taken last."""
        return self._front.buffer

    def publish(self, stamp_s: float) -> None:
        """The picture in `back` is finished; stamp_s goes with it."""
        with self._fresh:
            self._back.stamp_s = stamp_s
            self._back, self._middle = self._middle, self._back
            self.replaced += self._new
            self._new = True
            self._fresh.notify()

    def take(self, timeout_s: float) -> float | None:
        """Bring a new picture to `front` and return its stamp; None if none comes in time."""
        with self._fresh:
            if not self._new and not self._fresh.wait_for(lambda: self._new, timeout_s):
                return None
            self._front, self._middle = self._middle, self._front
            self._new = False
            return self._front.stamp_s

    def discard(self) -> None:
        """Forget a finished picture that was not taken."""
        with self._fresh:
            self._new = False
