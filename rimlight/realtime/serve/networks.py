"""The networks that are open, one for each size at which pictures are seen; opening one never keeps anybody waiting.

Sizes come from a short list of shapes, so that clients cannot make the service compile a network for each of their own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rimlight.backends.streams import Streams
from rimlight.errors import BackendError, RimlightError
from rimlight.signature import internal_size
from rimlight.types import Coefficients, FloatArray, Size

log = logging.getLogger(__name__)

SHAPES = (Size(9, 16), Size(3, 4), Size(1, 1), Size(4, 3), Size(16, 9))
MOST_OPEN = 4  # networks without a stream are closed beyond it
RETRY_S = 5.0  # after an opening that failed


def seen_size(full: Size, long_side: int) -> Size:
    """The size at which the network sees frames of size full: that of the nearest usual shape at that long side."""
    shape = min(SHAPES, key=lambda one: abs(np.log(one.width / one.height * full.height / full.width)))
    longest = max(shape.height, shape.width)
    scale = max(full.height, full.width) / longest
    return internal_size(Size(max(1, round(shape.height * scale)), max(1, round(shape.width * scale))), long_side)


@dataclass(slots=True)
class Network:
    """An open network, the room for a group's pictures (together, 3, h, w), and who sits in which slot."""

    streams: Streams
    room: FloatArray
    seats: dict[str, int] = field(default_factory=dict)
    _last: FloatArray | None = None  # the newest result; held, or its memory might be given out again

    def step(self, pictures: FloatArray, slots: Sequence[int], cuts: Sequence[bool]) -> list[Coefficients]:
        """As Streams.step; raises BackendError for the result that the call before gave: buffers go round a ring."""
        found = self.streams.step(pictures, slots, cuts)
        if self._last is not None and found[0].offset.ctypes.data == self._last.ctypes.data:
            raise BackendError(f"the {self.streams.name} backend gave its last result again; nothing of it is shown")
        self._last = found[0].offset
        return found

    def slot(self, key: str) -> int | None:
        """The slot of a stream, taken now if it had none; None if there is none left."""
        if key not in self.seats:
            taken = set(self.seats.values())
            free = next((slot for slot in range(self.streams.slots) if slot not in taken), None)
            if free is None:
                return None
            self.streams.forget(free)
            self.seats[key] = free
        return self.seats[key]


class Networks:
    """Opens networks in threads of their own; all else belongs to the engine's thread.

    open_streams: opens one at an internal size. opened: called from another thread when a network is ready.
    """

    def __init__(self, open_streams: Callable[[Size], Streams], opened: Callable[[], None] = lambda: None) -> None:
        self._open_streams, self._opened = open_streams, opened
        self._ready: dict[Size, Network] = {}  # the last used at the end
        self._opening: dict[Size, threading.Thread] = {}
        self._failed: dict[Size, tuple[float, BackendError]] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def device(self) -> str:
        """What runs the networks, "" before the first one is open."""
        with self._lock:
            return next((network.streams.device for network in self._ready.values()), "")

    def get(self, size: Size) -> Network | None:
        """The network for the size, or None while it is being opened.

        Raises BackendError for an opening that failed a moment ago; it is tried again RETRY_S later.
        """
        with self._lock:
            if size in self._ready:
                network = self._ready[size] = self._ready.pop(size)
                return network
            failed_s, error = self._failed.get(size, (-RETRY_S, None))
            if error is not None and time.monotonic() - failed_s < RETRY_S:
                raise error
            if size not in self._opening:
                opener = threading.Thread(target=self._open, args=(size,), name="rimlight-open", daemon=True)
                self._opening[size] = opener
                opener.start()
        return None

    def leave(self, key: str, size: Size | None = None) -> None:
        """A stream is gone, or does not need the network of a size any more; idle networks beyond a few are closed."""
        with self._lock:
            for other, network in list(self._ready.items()):
                if size in (None, other):
                    network.seats.pop(key, None)
            idle = [other for other, network in self._ready.items() if not network.seats]
            for other in idle[: max(0, len(self._ready) - MOST_OPEN)]:
                self._ready.pop(other).streams.close()

    def close(self) -> None:
        """Close all of them; one that is being opened is closed when it comes."""
        with self._lock:
            self._closed = True
            for network in self._ready.values():
                network.streams.close()
            self._ready.clear()

    def settle(self, timeout_s: float) -> None:
        """Wait at most so long for those being opened: C++ that Python's end cuts short ends the process by SIGABRT."""
        due_s = time.monotonic() + timeout_s
        with self._lock:
            openers = list(self._opening.values())
        for opener in openers:
            opener.join(max(0.0, due_s - time.monotonic()))

    def _open(self, size: Size) -> None:
        try:
            streams = self._open_streams(size)
        except Exception as error:
            known = isinstance(error, RimlightError)
            log.error("the network for %s cannot be opened: %s", size, error, exc_info=None if known else error)
            with self._lock:
                self._opening.pop(size)
                self._failed[size] = (time.monotonic(), BackendError(f"the network cannot be opened: {error}"))
            self._opened()
            return
        room = np.zeros((streams.together, 3, size.height, size.width), np.float32)
        with self._lock:
            self._opening.pop(size)
            self._failed.pop(size, None)
            if self._closed:
                streams.close()
            else:
                self._ready[size] = Network(streams, room)
        self._opened()
