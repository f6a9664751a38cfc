"""One job, in a process of its own: a range of a file to a part of the output."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeAlias

from rimlight.errors import RimlightError
from rimlight.kernels.parallel import limit_threads
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.jobs.outputs import Output
from rimlight.realtime.jobs.plan import Share
from rimlight.realtime.loop import run
from rimlight.realtime.session import Matter, Painter, Settings
from rimlight.realtime.sinks.base import Ends, Sink
from rimlight.realtime.sources.file import FileSource
from rimlight.realtime.stats import Stats
from rimlight.types import Frame

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """What a process is to do. threads: for work by rows; those of the network are in the settings."""

    number: int
    source: Path
    share: Share
    output: Output
    settings: Settings
    threads: int


@dataclass(frozen=True, slots=True)
class Wrote:
    """One more frame is written."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the user should know, though the job goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The job has ended, without a part."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The part is whole. begins_s: time of its first frame as written, None where it has none."""

    device: str
    begins_s: float | None
    stats: Stats


Report: TypeAlias = Wrote | Warned | Failed | Finished


def work(job: Job, connection: Connection) -> None:
    """Do a job and report on it; the process's first and last function."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to all of us; only the parent acts on it
    send = _sender(connection)
    logging.getLogger().addHandler(_Passed(send))
    limit_threads(job.threads)
    try:
        send(_outcome(job, send))
    except BrokenPipeError:  # the parent is gone: nobody waits for the parts
        job.output.remove()


def _outcome(job: Job, send: Callable[[Report], None]) -> Finished | Failed:
    try:
        return mat(job, lambda: send(Wrote()))
    except RimlightError as error:
        return Failed(str(error))
    except BrokenPipeError:
        raise
    except Exception as error:  # the edge of the process: the parent raises it
        log.warning("a job failed", exc_info=True)
        return Failed(f"{type(error).__name__}: {error}")


def mat(job: Job, wrote: Callable[[], None]) -> Finished:
    """Mat the frames of a job's share and write its part; wrote is called after every frame."""
    stats = Stats()
    backdrop = open_backdrop(job.settings.backdrop)
    matter = Matter(job.settings)
    try:
        with FileSource(job.source, frames=job.share.read) as source:
            part = job.output.part(job.number, job.share.own.start)
            with Own(part, job.share.begins_s, job.output.start_s, wrote) as own:
                run(source, matter, Painter(job.settings, backdrop, own.wants), own, stats)
        device = matter.device
    finally:
        matter.close()
        backdrop.close()
    return Finished(device, own.first_s, stats)


class Own(Ends):
    """Writes the frames of a job's own share to its part and drops those before, which only filled the memory.

    begins_s: pts_s of the first own frame. shift_s: is added to the times that are written.
    """

    def __init__(self, part: Sink, begins_s: float, shift_s: float, wrote: Callable[[], None]) -> None:
        self._part, self._begins_s, self._shift_s, self._wrote = part, begins_s, shift_s, wrote
        self.wants, self.carries_alpha = part.wants, part.carries_alpha
        self.first_s: float | None = None  # as written

    def write(self, frame: Frame) -> None:
        if frame.pts_s < self._begins_s:
            return
        shown_s = frame.pts_s + self._shift_s
        self.first_s = shown_s if self.first_s is None else self.first_s
        self._part.write(replace(frame, pts_s=shown_s))
        self._wrote()

    def close(self) -> None:
        self._part.close()

    def discard(self) -> None:
        self._part.__exit__(RimlightError, None, None)


class _Passed(logging.Handler):
    """Hands warnings on to the parent, which shows them."""

    def __init__(self, send: Callable[[Report], None]) -> None:
        super().__init__(logging.WARNING)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(BrokenPipeError):
            self._send(Warned(self.format(record)))


def _sender(connection: Connection) -> Callable[[Report], None]:
    """Sends from any thread."""
    lock = threading.Lock()

    def send(report: Report) -> None:
        with lock:
            connection.send(report)

    return send
