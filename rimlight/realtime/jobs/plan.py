"""Which job takes which frames of a file.

The matte of frame t depends on frames t-2, t-1 and t alone, so a job that reads the two frames before its own gives
what the whole run gives. Jobs begin at multiples of the batch and read whole batches before, so that every frame is in
the same call of the network as in the whole run: no backend need give the same last bits for another batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from rimlight.errors import SinkError, SourceError
from rimlight.realtime import sinks, sources
from rimlight.realtime.sources.decoding import Decoding
from rimlight.realtime.sources.file import FileSource
from rimlight.realtime.sources.index import read_index
from rimlight.signature import SLOTS
from rimlight.types import Size

LEAST_FRAMES = 8  # of a job; with fewer, starting it and filling its memory costs more than it brings
SINKS = ("file", "pictures", "null")


@dataclass(frozen=True, slots=True)
class Share:
    """What one job does.

    own: the frames it writes. read: those and the ones before, which fill its memory; None for all of the file.
    begins_s: pts_s of the first own.
    """

    own: range
    read: range | None
    begins_s: float

    def __str__(self) -> str:
        return f"frames {self.own.start} to {self.own.stop - 1}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A file and how it is shared out; one share or none where it is to be matted in one go."""

    path: Path
    size: Size
    rate: Fraction
    shares: tuple[Share, ...]

    @property
    def count(self) -> int:
        """Frames of all shares."""
        return sum(len(share.own) for share in self.shares)


def plan_jobs(source: str, sink: str, jobs: int, batch: int = 1) -> Plan:
    """Share the frames of a file among jobs, as source and sink are named on the command line.

    Short files get fewer jobs. Files whose timestamps are missing, double or start anew cannot be split: they get no
    share. Raises SourceError and SinkError for what cannot be split by its kind, and where the file cannot be read.
    """
    kind, rest = sources.kind_of(source)
    if kind != "file":
        raise SourceError(f"only video files are split into jobs, {source} is a {kind}; leave out --jobs")
    if sinks.kind_of(sink)[0] not in SINKS:
        raise SinkError(f"jobs write video files, numbered pictures or null, not {sink}; leave out --jobs")
    with FileSource(rest) as opened:
        size, rate = opened.size, opened.rate
    return Plan(Path(rest), size, rate, share_out(frame_times(Path(rest)), jobs, batch))


def frame_times(path: Path) -> list[float]:
    """pts_s of every frame that FileSource gives of an undamaged file; empty where timestamps are not to be used."""
    return frame_places(path)[0]


def frame_places(path: Path) -> tuple[list[float], list[int]]:
    """The same, and which of the frames are keyframes."""
    decoding = Decoding(path)
    try:
        first = next(decoding.pictures(), None)
        index = read_index(path)
        if first is None or first.pts is None or index is None:
            return [], []
        index = index.since(first.pts)
        seconds = [decoding.seconds(time) or 0.0 for time in index.times]
    finally:
        decoding.close()
    shown = {time: position for position, time in enumerate(index.times)}
    keys = [shown[time] for time, _ in index.keys if time in shown]
    return [time_s - seconds[0] for time_s in seconds], keys


def share_out(times: list[float], jobs: int, batch: int = 1) -> tuple[Share, ...]:
    """Even shares of the frames shown at times (seconds), none of several below LEAST_FRAMES or two batches."""
    before = -(-SLOTS // batch) * batch
    jobs = min(jobs, max(1, len(times) // max(LEAST_FRAMES, 2 * batch)), len(times))
    edges = [round(len(times) * job / jobs / batch) * batch for job in range(jobs)] + [len(times)]
    return tuple(
        Share(range(first, after), range(max(0, first - before), after), times[first])
        for first, after in pairwise(edges)
    )
