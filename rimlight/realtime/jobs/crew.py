"""The processes that do the jobs: begun together, listened to, and ended together whatever happens."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType

from rimlight.errors import JobError
from rimlight.realtime.jobs.worker import Failed, Finished, Job, Report, work
from rimlight.realtime.sinks.undisturbed import undisturbed

WAIT_S = 0.5  # how often waiting for news looks up, so that Ctrl-C is heard on every system
LEAVE_S = 5.0  # a process whose part is whole may take this long to end
STOP_S = 2.0  # and one that was told to stop, before it is killed


class Crew:
    """One process per job; leaving the context ends all that still run and waits for them, so none is left behind."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._processes: list[SpawnProcess] = []
        self._readers: list[Connection] = []

    def reports(self) -> Iterator[tuple[Job, Report]]:
        """What the jobs say, until all are finished; raises JobError with the frames of a job that failed or died."""
        open_readers = dict(zip(self._readers, self._jobs, strict=True))
        while open_readers:
            ready = connection.wait(list(open_readers), WAIT_S)
            for reader, job in [item for item in open_readers.items() if item[0] in ready]:
                report = self._next(reader, job)
                if isinstance(report, Failed):
                    raise JobError(f"{job.share} of {job.source}: {report.text}")
                if isinstance(report, Finished):
                    del open_readers[reader]
                yield job, report

    def __enter__(self) -> Crew:
        resource_tracker.ensure_running()  # starting it lets interrupts through
        try:
            with deaf_to_interrupts():
                for job in self._jobs:
                    self._start(job)
        except BaseException:
            self._end(0.0)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(LEAVE_S if kind is None else 0.0)

    def _start(self, job: Job) -> None:
        reader, writer = multiprocessing.get_context("spawn").Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=work, args=(job, writer), name=f"rimlight-job-{job.number}", daemon=True
        )  # fmt: skip
        process.start()
        writer.close()  # so that the reader sees the end when the process ends
        self._processes.append(process)
        self._readers.append(reader)

    def _next(self, reader: Connection, job: Job) -> Report:
        try:
            report: Report = reader.recv()
        except (EOFError, OSError) as error:
            raise JobError(f"{job.share} of {job.source}: {self._death(job)}") from error
        return report

    def _death(self, job: Job) -> str:
        return f"{death_of(self._processes[job.number])}; if memory was short, use fewer --jobs"

    def _end(self, patience_s: float) -> None:
        with undisturbed():
            _join(self._processes, patience_s)
            for process in self._processes:
                process.terminate()
            _join(self._processes, STOP_S)
            for process in self._processes:
                process.kill()
                process.join()
                process.close()
            for reader in self._readers:
                reader.close()
            self._processes, self._readers = [], []


def death_of(process: SpawnProcess) -> str:
    """How a process ended that was not asked to, in words."""
    process.join(STOP_S)
    code = process.exitcode or 0
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"the process {how}"


def _join(processes: Sequence[SpawnProcess], patience_s: float) -> None:
    due_s = time.perf_counter() + patience_s
    for process in processes:
        process.join(max(0.0, due_s - time.perf_counter()))


@contextmanager
def deaf_to_interrupts() -> Iterator[None]:
    """What is begun here never hears Ctrl-C, from its first moment on; for us it is only held back."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
