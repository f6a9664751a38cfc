"""Things that break, on a schedule: a camera, a network, and a sink that looks for what must never leave."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from rimlight.backends.base import Backend
from rimlight.backends.fake import FakeBackend
from rimlight.errors import BackendError, SourceError
from rimlight.realtime.sinks.null import NullSink
from rimlight.realtime.sources.base import Closes
from rimlight.types import FloatArray, Frame, Size

SENTINEL = (255, 0, 255)  # the colour of everything the camera sees
BACKDROP = "#1e90ff"
BEHIND = (0x1E, 0x90, 0xFF)
SIZE = Size(64, 96)


class SentinelCamera(Closes):
    """A live camera that sees nothing but the sentinel; `misbehave` may raise, wait, or give another frame."""

    live = True
    size = SIZE
    rate = Fraction(1000)
    count = None

    def __init__(self, misbehave: Callable[[Frame], Frame] = lambda frame: frame) -> None:
        self._misbehave = misbehave
        self._frame = np.empty((SIZE.height, SIZE.width, 3), np.uint8)
        self._frame[:] = SENTINEL

    def __iter__(self) -> Iterator[Frame]:
        for index in range(10**9):
            yield self._misbehave(Frame(self._frame, index / 1000, time.perf_counter(), cut=index == 0))

    def close(self) -> None:
        """Nothing to free."""


class FaultyBackend(FakeBackend):
    """The fake with a fault now and then."""

    name = "faulty"

    def __init__(self, size: Size, misbehave: Callable[[], str]) -> None:
        super().__init__(size, 1)
        self._misbehave = misbehave
        self._before: tuple[FloatArray, FloatArray, Any] | None = None

    def _call(self, images: FloatArray, state: Any, own: Any) -> tuple[FloatArray, FloatArray, Any]:
        kind = self._misbehave()
        scale, offset, state = super()._call(images, state, own)
        if kind == "error":
            raise BackendError("the network failed")
        if kind == "surprise":
            raise RuntimeError("a driver's own error")
        if kind == "memory":
            raise MemoryError
        if kind == "nan":
            offset[0, 3, 0, 0] = np.nan
        if kind == "size":
            scale, offset = scale[:, :, :16], offset[:, :, :16]
        if kind == "hang":
            time.sleep(0.3)
        if kind == "stale" and self._before is not None:
            return self._before
        self._before = scale, offset, state
        return self._before


class ScanningSink(NullSink):
    """Counts frames, and every pixel outside the largest possible matte that is not exactly the backdrop.

    Ends the stream after `enough` frames; if both is set, only once the person and the cover were both shown, however
    slow the machine is (MOST frames at the most).
    """

    MOST = 30_000

    def __init__(self, enough: int, stop: threading.Event, *, both: bool = False) -> None:
        super().__init__("rgb")
        rows, columns = np.linspace(-1, 1, SIZE.height)[:, None], np.linspace(-1, 1, SIZE.width)[None]
        self.outside = np.hypot(columns, rows - 0.3) > 0.8
        self._enough, self._stop, self._both = enough, stop, both
        self.leaked = self.seen = self.with_person = self.shown_after = 0
        self._cover_since_person = False

    def write(self, frame: Frame) -> None:
        image = frame.image
        self.seen += 1
        self.leaked += int((image[self.outside] != BEHIND).any(axis=1).sum())
        person = bool((image == SENTINEL).all(axis=2).any())
        self.with_person += person
        self._cover_since_person |= bool(self.with_person) and not person
        self.shown_after += self._cover_since_person and person
        satisfied = not self._both or 0 < self.with_person < self.seen
        if (self.seen >= self._enough and satisfied) or self.seen >= self.MOST:
            self._stop.set()


def now_and_then(seed: int, kinds: tuple[str, ...], chance: float) -> Callable[[], str]:
    """One of kinds with that chance, else ""; the same sequence for the same seed."""
    dice = random.Random(seed)
    return lambda: dice.choice(kinds) if dice.random() < chance else ""


def camera_faults(seed: int, chance: float) -> Callable[[Frame], Frame]:
    """Unplugged, frozen, another size, black."""
    choose = now_and_then(seed, ("unplugged", "frozen", "size", "black"), chance)

    def misbehave(frame: Frame) -> Frame:
        kind = choose()
        if kind == "unplugged":
            raise SourceError("the camera is gone")
        if kind == "frozen":
            time.sleep(0.25)
        if kind == "size":
            other = np.empty((48, 48, 3), np.uint8)
            other[:] = SENTINEL
            return Frame(other, frame.pts_s, frame.captured_s, cut=True)
        if kind == "black":
            return Frame(np.zeros_like(frame.image), frame.pts_s, frame.captured_s)
        return frame

    return misbehave


def backends_that_fail(misbehave: Callable[[], str]) -> Callable[..., Backend]:
    """In the place of open_backend."""

    def opened(name: str, size: Size, batch: int = 1, **_: Any) -> Backend:
        assert (name, batch) == ("fake", 1)
        return FaultyBackend(size, misbehave)

    return opened
