"""Blocks of work that Ctrl-C does not cut in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold an interrupt back until the block is done, then let it happen as it would have.

    Python raises KeyboardInterrupt as soon as a call into C returns, and so mostly between an encoder and what becomes
    of its packets: the result would be lost, and with it every picture that leans on it. Threads other than the main
    one are never interrupted; there this does nothing.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    held: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)
