"""What is timed on a GPU: a network, a whole frame, a peer; each opened for one size and number of streams."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rimlight.backends.device_path import DevicePath, SceneBlur
from rimlight.compose import EdgeOptions
from rimlight.pixels import empty_i420
from rimlight.types import Pixels, Size

if TYPE_CHECKING:
    from rimlight.backends.torch_graphs import Queue


@dataclass(frozen=True, slots=True)
class Case:
    """who: rimlight or a peer, with its precision. what: the work that a call is. streams: frames of a call.

    open: raises RimlightError where it cannot be had.
    """

    who: str
    what: str
    size: Size
    streams: int
    open: Callable[[], Timed]


class Timed(ABC):
    """Something open that can be called again and again."""

    @abstractmethod
    def alone_ms(self) -> float:
        """Milliseconds of one call by itself."""

    @abstractmethod
    def together_ms(self, count: int) -> float:
        """Milliseconds of that many calls, each begun before the one before is done."""

    def close(self) -> None:  # noqa: B027 - most have nothing to free by hand
        """Free what is held."""


class OnQueue(Timed):
    """A call that queues work, timed by the device's own clock; on a processor, by the host's."""

    def __init__(self, queue: Queue, what: str, call: Callable[[], object]) -> None:
        self._queue, self._what, self._call = queue, what, call

    def alone_ms(self) -> float:
        return self.together_ms(1)

    def together_ms(self, count: int) -> float:
        queue = self._queue
        with queue.working(self._what):
            queue.wait(queue.mark())
            begin = queue.mark()
            for _ in range(count):
                self._call()
            end = queue.mark()
            queue.wait(end)
            return queue.elapsed_ms(begin, end)


class OnPath(Timed):
    """A device path with a frame in the host's memory: up, matted, painted before its own blur, and down as planes.

    Alone by the device's events; together by the host's clock, with the next frame on its way while one is painted.
    """

    def __init__(self, path: DevicePath, pixels: Pixels) -> None:
        self._path, self._pixels, self._out = path, pixels, empty_i420(path.full)

    def alone_ms(self) -> float:
        return sum(self._path.timed(self._pixels, SceneBlur(0.5), EdgeOptions(), self._out))

    def together_ms(self, count: int) -> float:
        begin_s = time.perf_counter()
        number = self._path.matte(self._pixels)
        for _ in range(count):
            following = self._path.matte(self._pixels)
            self._path.paint(number, SceneBlur(0.5), EdgeOptions(), self._out)
            number = following
        return (time.perf_counter() - begin_s) * 1e3

    def close(self) -> None:
        self._path.close()
