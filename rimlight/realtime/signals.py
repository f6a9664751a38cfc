"""SIGTERM and SIGINT as wishes to end: the stream stops between two frames, and its output is closed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

GIVE_UP_S = 5.0  # after a signal, for a receiver that does not take the frame that is being written
HAS_TIMER = hasattr(signal, "setitimer")  # not on Windows, where only a second signal breaks off


@dataclass(slots=True)
class Ending:
    """by: the signal that ended a stream, None if none did."""

    by: int | None = None

    def stopped(self) -> None:
        """The stream stopped by itself; closing its output may take its time."""
        if HAS_TIMER and self.by is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def ended_by_signals(stop: threading.Event, give_up_s: float = GIVE_UP_S) -> Iterator[Ending]:
    """Let the first SIGTERM or SIGINT set stop, and a second, or give_up_s, raise KeyboardInterrupt in the block.

    After a SIGTERM that goes no further than the block: it is a good end. Outside of the main thread signals are left
    alone.
    """
    ending = Ending()

    def end(number: int, _: FrameType | None) -> None:
        if ending.by is not None:
            raise KeyboardInterrupt
        ending.by = number
        stop.set()
        if HAS_TIMER:
            signal.setitimer(signal.ITIMER_REAL, give_up_s)

    if threading.current_thread() is not threading.main_thread():
        yield ending
        return
    numbers = [signal.SIGTERM, signal.SIGINT, *([signal.SIGALRM] if HAS_TIMER else [])]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield ending
    except KeyboardInterrupt:
        if ending.by != signal.SIGTERM:
            raise
    finally:
        ending.stopped()
        for number, handler in before.items():
            signal.signal(number, handler)
