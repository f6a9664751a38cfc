"""What a thread records for a graph, and the quiet that this needs."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rimlight.gpu.resources import Stream, Traffic


class Recording(threading.local):
    """The stream that the calling thread records, with what each launch of the graph will move."""

    stream: Stream | None = None
    counts: Traffic

    @contextmanager
    def of(self, stream: Stream) -> Iterator[Traffic]:
        """Copies on the stream are counted apart inside."""
        self.stream, self.counts = stream, Traffic()
        try:
            with _quiet:
                yield self.counts
        finally:
            self.stream = None


class _Quiet:
    """No collection of garbage inside: what it finds may give memory back, and that spoils a recording."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._was_on = gc.isenabled()
                gc.disable()
            self._inside += 1

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_on:
                gc.enable()


_quiet = _Quiet()
