"""Workers as processes of this machine, each with one item at a time; one that dies or stalls is replaced."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from rimlight.batch.items import Failed, Item, Outcome, attempt
from rimlight.batch.memory import resident_bytes
from rimlight.batch.pool import News, Wrote
from rimlight.batch.room import Room
from rimlight.errors import BackendError
from rimlight.kernels.parallel import limit_threads
from rimlight.realtime.jobs.crew import STOP_S, deaf_to_interrupts, death_of
from rimlight.realtime.sinks.undisturbed import undisturbed

TELL_S = 0.2  # how often a worker tells of its frames
GONE = (EOFError, OSError)  # OSError: it ended in the middle of what it said


@dataclass(slots=True)
class _Worker:
    kind: str
    process: SpawnProcess | None = None
    line: Connection | None = None
    ticket: int | None = None
    heard_s: float = 0.0

    @property
    def bytes_now(self) -> int:
        return resident_bytes(self.process.pid or 0) if self.process else 0


@dataclass(slots=True)
class LocalPool:
    """Processes that are begun when there is work for them.

    threads: of each. stall_s: silence after which one is ended. Leaving the context ends them all at once.
    """

    workers: Mapping[str, int]
    threads: int = 1
    stall_s: float = 1800.0
    room: Room = field(default_factory=Room)
    clock: Callable[[], float] = time.monotonic
    _all: list[_Worker] = field(init=False)

    def __post_init__(self) -> None:
        self._all = [_Worker(kind) for kind, count in self.workers.items() for _ in range(count)]
        resource_tracker.ensure_running()  # starting it lets interrupts through

    @property
    def pids(self) -> list[int]:
        """Of the processes that run."""
        return [one.process.pid or 0 for one in self._all if one.process is not None]

    def takes(self, worker: str) -> bool:
        free = self._free(worker)
        if free is None:
            return False
        return self.room.admits([one.bytes_now for one in self._all if one.ticket is not None], free.bytes_now)

    def give(self, worker: str, ticket: int, item: Item) -> None:
        one = self._free(worker)
        assert one is not None, "asked only where one is free"
        line = self._line(one)
        one.ticket, one.heard_s = ticket, self.clock()
        with suppress(*GONE):  # it died just now: news tells
            line.send(item)

    def news(self, wait_s: float) -> Iterator[tuple[int, News]]:
        busy = {one.line: one for one in self._all if one.ticket is not None and one.line is not None}
        for line in connection.wait(list(busy), wait_s) if busy else ():
            one = busy[line]  # type: ignore[index]
            assert one.ticket is not None, "it is busy"
            yield one.ticket, self._heard(one)
        for one in busy.values():
            if one.ticket is not None and self.clock() - one.heard_s > self.stall_s:
                ticket, one.heard_s = one.ticket, self.clock()
                self._end(one)
                yield ticket, Failed(f"no frame came for {self.stall_s:g} s, so the worker was ended", final=False)

    def __enter__(self) -> LocalPool:
        return self

    def __exit__(self, *_: object) -> None:
        with undisturbed():
            for one in self._all:
                self._end(one)

    def _free(self, kind: str) -> _Worker | None:
        """A free worker, rather one that runs already."""
        free = [one for one in self._all if one.kind == kind and one.ticket is None]
        return min(free, key=lambda one: one.process is None, default=None)

    def _heard(self, one: _Worker) -> News:
        assert one.line is not None, "it runs"
        assert one.process is not None, "it runs"
        try:
            said: News = one.line.recv()
        except GONE:
            reason = death_of(one.process)
            self._end(one)
            return Failed(reason, final=False)
        one.heard_s = self.clock()
        if not isinstance(said, Wrote):
            one.ticket = None
        if isinstance(said, Outcome):
            self.room.learn(said.peak_bytes)
        return said

    def _line(self, one: _Worker) -> Connection:
        """The line to a worker, whose process is begun where none runs; raises BackendError where that cannot be."""
        if one.process is not None and not one.process.is_alive():  # it died while it had nothing to do
            self._end(one)
        if one.line is None:
            try:
                one.process, one.line = _begun(self.threads)
            except OSError as error:
                raise BackendError(f"no further process can be begun: {error}; use fewer --workers") from error
        return one.line

    def _end(self, one: _Worker) -> None:
        if one.process is not None and one.line is not None:
            one.line.close()
            one.process.kill()
            one.process.join(STOP_S)
            with suppress(ValueError):  # it waits for a disk that does not answer, and ends when that does
                one.process.close()
        one.process = one.line = one.ticket = None


def _begun(threads: int) -> tuple[SpawnProcess, Connection]:
    spawn = multiprocessing.get_context("spawn")
    line, theirs = spawn.Pipe()
    with theirs:  # closed here, so that we see the end when the process ends
        process = spawn.Process(target=serve, args=(theirs, threads), name="rimlight-batch", daemon=True)
        with deaf_to_interrupts():
            process.start()
    return process, line


def serve(line: Connection, threads: int) -> None:
    """Do items as they come, until nobody sends any; a process's first and last function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to all; only the driver acts on it
    limit_threads(threads)
    with suppress(*GONE):
        while True:
            item: Item = line.recv()
            teller = Teller(lambda frames, whole: line.send(Wrote(frames, whole)))
            line.send(attempt(item, teller))


class Teller:
    """Counts frames and tells now and then of them and of how many there are in the whole."""

    def __init__(self, tell: Callable[[int, int], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._count, self._told_s = 0, clock()

    def __call__(self, whole: int) -> None:
        self._count += 1
        now_s = self._clock()
        if now_s - self._told_s >= TELL_S:
            self._tell(self._count, whole)
            self._count, self._told_s = 0, now_s
