"""`rimlight serve` as a child process: started, found, watched and ended, each within a time."""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO

from rimlight.errors import BackendError, MissingExtraError

try:
    import psutil
except ImportError as error:
    raise MissingExtraError("rimlight bench serve", "psutil", "bench") from error

START_S = 120.0  # it measures the machine first, and may compile kernels
STOP_S = 15.0
LINES_KEPT = 40
ADDRESS = re.compile(r"open (https?)://(\S+):(\d+)")
PROGRAM = (sys.executable, "-c", "from rimlight.cli import main; main()")


class Child:
    """A service on a port of its own of 127.0.0.1, a context manager. options: of the command `rimlight serve`."""

    def __init__(self, options: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self._options, self._environment = options, environment
        self._process: subprocess.Popen[str] | None = None
        self._said: queue.Queue[str | None] = queue.Queue(LINES_KEPT)
        self.last_lines: deque[str] = deque(maxlen=LINES_KEPT)
        self.address = ""

    def __enter__(self) -> Child:
        """Start it and wait until it answers; raises BackendError with its own last words where it does not."""
        command = [*PROGRAM, "serve", "--host", "127.0.0.1", "--port", "0", *self._options]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace", env=self._environment,
        )  # fmt: skip
        threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True).start()
        try:
            self.address = self._found_address()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int | None:
        """SIGTERM, then SIGKILL where that does not help; returns its exit status."""
        if self._process is None:
            return None
        self._process.terminate()
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(STOP_S)

    def _listen(self, stderr: IO[str]) -> None:
        """Read all that it says, or its pipe would fill and stop it."""
        with stderr:
            for line in stderr:
                self.last_lines.append(line.rstrip())
                if not self.address and ADDRESS.search(line):
                    self._said.put(line)
        self._said.put(None)

    def _found_address(self) -> str:
        try:
            line = self._said.get(timeout=START_S)
        except queue.Empty:
            raise BackendError(f"rimlight serve did not answer within {START_S:g} s: {self._last_words()}") from None
        if line is None:
            raise BackendError(f"rimlight serve did not start: {self._last_words()}")
        found = ADDRESS.search(line)
        assert found is not None
        return f"{found[1]}://127.0.0.1:{found[3]}"

    def _last_words(self) -> str:
        return " | ".join(list(self.last_lines)[-3:]) or "it said nothing"


class Work:
    """Processor seconds that processes and all their children take from now on, and for how long."""

    def __init__(self, roots: Iterable[int]) -> None:
        self._roots = list(roots)
        self._began_s = time.perf_counter()
        self._before = self._seconds()

    def seconds(self) -> float:
        """Processor seconds since the start; processes that ended meanwhile do not count."""
        return sum(now - self._before.get(key, 0.0) for key, now in self._seconds().items())

    def share(self) -> float:
        """Processors kept busy: 1.0 is one of them all the time."""
        return self.seconds() / (time.perf_counter() - self._began_s)

    def _seconds(self) -> dict[tuple[int, float], float]:
        """By process id and its start, because ids are used again."""
        found: dict[tuple[int, float], float] = {}
        for root in self._roots:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(root)
                for one in (process, *process.children(recursive=True)):
                    _note(one, found)
        return found


def _note(process: psutil.Process, found: dict[tuple[int, float], float]) -> None:
    with suppress(psutil.NoSuchProcess):  # it has just ended
        times = process.cpu_times()
        found[process.pid, process.create_time()] = times.user + times.system
