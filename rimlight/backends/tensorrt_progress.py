"""How far a build is, as one line on the terminal that is written over, or as a few lines in the log."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rimlight.backends.tensorrt_compat import Library

log = logging.getLogger(__name__)
Say = Callable[[str], None]
TICK_S = 1.0


class Line:
    """One line of a terminal; where the output is none, a line in the log when it begins and when it ends."""

    def __init__(self, output: TextIO | None = None) -> None:
        self._output = output or sys.stderr
        self._written = ""

    def say(self, text: str) -> None:
        """Show text in place of what was shown before."""
        if self._output.isatty():
            self._output.write("\r" + text.ljust(len(self._written)))
            self._output.flush()
        elif not self._written:
            log.info(text)
        self._written = text

    def end(self) -> None:
        """Leave the last text where it is."""
        if not self._written:
            return
        if self._output.isatty():
            self._output.write("\n")
            self._output.flush()
        else:
            log.info(self._written)


class _Fraction:
    """How much of nested phases is done; phases of one parent share what the parent's step is worth."""

    def __init__(self) -> None:
        self._phases: dict[str, tuple[str | None, int, int]] = {}  # name: parent, steps, steps done
        self._lock = threading.Lock()

    def started(self, phase: str, parent: str | None, steps: int) -> None:
        with self._lock:
            self._phases[phase] = (parent, max(steps, 1), 0)

    def stepped(self, phase: str, step: int) -> None:
        with self._lock:
            parent, steps, _ = self._phases[phase]
            self._phases[phase] = (parent, steps, min(step + 1, steps))

    def finished(self, phase: str) -> None:
        with self._lock:
            self._phases.pop(phase, None)

    @property
    def value(self) -> float:
        """0..1 of the outermost phase, with what the phases inside it add to its running step."""
        with self._lock:
            inner = 0.0
            for parent, steps, done in reversed(self._phases.values()):
                inner = min(1.0, (done + inner) / steps)
                if parent is None:
                    break
            return inner


@contextmanager
def shown(title: str, library: Library, config: Any, say: Say) -> Iterator[None]:
    """While inside, say at least every TICK_S how long a build has taken, and how far it is where the library tells."""
    fraction = _Fraction() if library.progress else None
    monitor = _monitor(library, fraction) if fraction else None
    if monitor is not None:
        config.progress_monitor = monitor
    start_s, ended = time.perf_counter(), threading.Event()

    def tick() -> None:
        while True:
            done = f"{100 * fraction.value:3.0f} %, " if fraction else ""
            say(f"{title}: {done}{time.perf_counter() - start_s:.0f} s")
            if ended.wait(TICK_S):
                return

    ticker = threading.Thread(target=tick, name="rimlight-progress", daemon=True)
    ticker.start()
    try:
        yield
    finally:
        ended.set()
        ticker.join(timeout=TICK_S)
        if monitor is not None:
            config.progress_monitor = None
    say(f"{title}: done in {time.perf_counter() - start_s:.1f} s")


def _monitor(library: Library, fraction: _Fraction) -> Any:
    base = library.module.IProgressMonitor

    class Monitor(base):  # type: ignore[misc, valid-type]  # the class is known only when the library is loaded
        def __init__(self) -> None:
            base.__init__(self)

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            fraction.started(phase, parent, steps)

        def step_complete(self, phase: str, step: int) -> bool:
            fraction.stepped(phase, step)
            return True

        def phase_finish(self, phase: str) -> None:
            fraction.finished(phase)

    return Monitor()
