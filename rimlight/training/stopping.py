"""Ctrl-C and SIGTERM as wishes: the step is finished and the state saved."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ECHO_S = 1.0  # within which a second signal is the first one's echo: torchrun passes on what the terminal sent to all

KEPT = "the last checkpoint is as it was"


@contextmanager
def stopped_by_signals(clock: Callable[[], float] = time.monotonic) -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; a later one raises KeyboardInterrupt at once.

    Outside of the main thread signals are left alone.
    """
    stop = threading.Event()
    first_s = 0.0

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal first_s
        if not stop.is_set():
            first_s = clock()
            stop.set()
        elif clock() - first_s > ECHO_S:
            raise KeyboardInterrupt(KEPT)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
