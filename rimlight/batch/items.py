"""What a worker does: one item of a batch, from files to files, the same however often and wherever it is done.

All is written in a scratch folder and put in place whole, so an item that is broken off leaves nothing that counts.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from rimlight.batch.memory import peak_bytes
from rimlight.batch.probe import probe_batch
from rimlight.batch.sample import sample_of
from rimlight.batch.split import split
from rimlight.batch.storage import ABSENT, Stamp, StoreError, below, fetch, put, stamp
from rimlight.errors import BackendError, RimlightError, SourceError
from rimlight.realtime.jobs import Share
from rimlight.realtime.jobs.join import join
from rimlight.realtime.jobs.outputs import FileOutput
from rimlight.realtime.jobs.plan import frame_places
from rimlight.realtime.jobs.worker import Job, mat
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.file import from_spec as open_file
from rimlight.realtime.sinks.options import Options
from rimlight.realtime.sources.decoding import open_container, video_stream
from rimlight.realtime.sources.file import FileSource
from rimlight.types import Size

MOST_PIXELS = 8192 * 8192  # of a frame; more is a damaged header, or would take the machine's memory
CHUNK = 1 << 20  # bytes
PLAIN = Options()

Task: TypeAlias = Literal["begin", "part", "join", "probe"]


@dataclass(frozen=True, slots=True)
class Film:
    """What all parts of a video have in common. start_s: when its first picture is shown, on the clock of the sound."""

    size: Size
    rate: Fraction
    start_s: float


@dataclass(frozen=True, slots=True)
class Item:
    """One step of one input: "begin" looks through it, and mats it if it is short; then "part" by part; then "join".

    source, out: places of the video and of its output; parts, drafts: of the folders for parts and for what a store
    does not have whole yet. scratch: folder for what is not finished, below the machine's own for such if relative,
    None for that itself. batch, threads, device: in the settings, from which the batch of no two items of one input
    differs. share: of a part. begins_s: of all parts, as written. wants_sample: of the output. "probe" finds out the
    batch for a device and needs settings alone.
    """

    task: Task
    settings: Settings
    input: int = 0
    number: int = 0
    source: str = ""
    stamp: Stamp = ABSENT
    out: str = ""
    parts: str = ""
    drafts: str = ""
    scratch: str | None = None
    options: Options = PLAIN
    sound: bool = True
    part_frames: int = 900
    film: Film | None = None
    share: Share | None = None
    begins_s: tuple[float | None, ...] = ()
    wants_sample: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an item. film, shares: of a video that is split now. first_s: time of a part's first frame.

    digest: SHA-256 of the output, in hexadecimal, "" as long as there is none. sample: a small JPEG of it.
    """

    frames: int = 0
    seconds: float = 0.0
    device: str = ""
    notes: tuple[str, ...] = ()
    film: Film | None = None
    shares: tuple[Share, ...] = ()
    first_s: float | None = None
    digest: str = ""
    sample: bytes | None = None
    batch: int = 1
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """An item that came to nothing. final: trying again would not help."""

    reason: str
    final: bool


def attempt(item: Item, wrote: Callable[[int], None] = lambda _: None) -> Outcome | Failed:
    """Do an item; the edge of a worker, behind which nothing is raised but what ends it.

    wrote: called after every frame with how many the whole input has, 0 where that is not known.
    """
    begun_s = time.perf_counter()
    with _warnings() as notes:
        try:
            found = _TASKS[item.task](item, wrote)
        except BrokenPipeError:
            raise
        except RimlightError as error:
            return Failed(str(error), not isinstance(error, BackendError | StoreError))
        except Exception as error:  # noqa: BLE001 - the edge: the driver counts it
            return Failed(f"{type(error).__name__}: {error}", final=False)
    seconds = time.perf_counter() - begun_s
    return replace(found, seconds=seconds, notes=tuple(dict.fromkeys(notes)), peak_bytes=peak_bytes())


def survey(path: Path, item: Item, scratch: Path) -> tuple[Film, tuple[Share, ...]]:
    """What a video is like and how it is split: into one share where it is short or its times cannot be relied on.

    Raises SourceError where it cannot be matted, SinkError where the output cannot hold its sound.
    """
    _check_size(path)
    with FileSource(path) as opened:
        size, rate, count = opened.size, opened.rate, opened.count or 0
    times, keys = frame_places(path)
    info = StreamInfo(size, rate, str(path) if item.sound else None)
    trial = open_file(str(scratch / f"trial{Path(item.out).suffix}"), info, item.options)
    start_s = trial.start_s
    trial.discard()
    whole = (Share(range(count), None, 0.0),)
    shares = split(times, keys, item.part_frames, item.settings.batch) if times else whole
    return Film(size, rate, start_s), shares


def _begin(item: Item, wrote: Callable[[int], None]) -> Outcome:
    with _scratch(item) as scratch:
        path = fetch(item.source, scratch)
        film, shares = survey(path, item, scratch)
        if len(shares) > 1:
            return Outcome(film=film, shares=shares)
        part, found = _mat(item, film, shares[0], path, scratch, partial(wrote, len(shares[0].own)))
        return _finish(item, film, [(part, found.first_s)], path, scratch, found)


def _part(item: Item, wrote: Callable[[int], None]) -> Outcome:
    assert item.film is not None, "a part has a film"
    assert item.share is not None, "and a share"
    with _scratch(item) as scratch:
        path = fetch(item.source, scratch)
        part, found = _mat(item, item.film, item.share, path, scratch, partial(wrote, 0))
        put(part, part_place(item, item.number), item.drafts)
        return found


def _join(item: Item, wrote: Callable[[int], None]) -> Outcome:  # noqa: ARG001 - no frame is written anew
    assert item.film is not None, "what is joined has a film"
    with _scratch(item) as scratch:
        path = fetch(item.source, scratch)
        parts = [
            (fetch(part_place(item, number), scratch), first_s)
            for number, first_s in enumerate(item.begins_s)
            if first_s is not None
        ]
        return _finish(item, item.film, parts, path, scratch, Outcome())


def _probe(item: Item, wrote: Callable[[int], None]) -> Outcome:  # noqa: ARG001 - no frame is written
    return Outcome(batch=probe_batch(item.settings))


_TASKS: dict[Task, Callable[[Item, Callable[[int], None]], Outcome]] = {
    "begin": _begin, "part": _part, "join": _join, "probe": _probe,
}  # fmt: skip


def part_place(item: Item, number: int) -> str:
    """Where a part is put."""
    return below(item.parts, f"{number}{Path(item.out).suffix}")


def scratch_folder(scratch: str) -> Path:
    """An item's scratch as this machine finds it."""
    return Path(tempfile.gettempdir(), scratch)


def _mat(
    item: Item, film: Film, share: Share, path: Path, scratch: Path, wrote: Callable[[], None]
) -> tuple[Path, Outcome]:  # fmt: skip
    """Mat a share into a file of the scratch folder."""
    target = Path(f"part{Path(item.out).suffix}")
    output = FileOutput(target, StreamInfo(film.size, film.rate), item.options, film.start_s, scratch)
    threads = item.settings.threads or 1
    frames = 0

    def count() -> None:
        nonlocal frames
        frames += 1
        wrote()

    done = mat(Job(item.number, path, share, output, item.settings, threads), count)
    return scratch / f"{item.number}{target.suffix}", Outcome(frames, device=done.device, first_s=done.begins_s)


def _finish(
    item: Item, film: Film, parts: Sequence[tuple[Path, float | None]], path: Path, scratch: Path, found: Outcome
) -> Outcome:  # fmt: skip
    """Join parts with the sound of the video at path and put the output in place."""
    whole = scratch / f"whole{Path(item.out).suffix}"
    info = StreamInfo(film.size, film.rate, str(path) if item.sound else None)
    placed = [(part, first_s) for part, first_s in parts if first_s is not None]
    join(placed, whole, Path(item.out), info, keep=True)
    digest, sample = _digest(whole), sample_of(whole) if item.wants_sample else None
    _check_unchanged(item)  # it may still have been written to, by a camera or a copy
    put(whole, item.out, item.drafts)
    return replace(found, film=film, digest=digest, sample=sample)


def _check_size(path: Path) -> None:
    container = open_container(path)
    try:
        context = video_stream(container, path).codec_context
        height, width = context.height, context.width
    finally:
        container.close()
    if height * width > MOST_PIXELS:
        raise SourceError(f"{path} says that it has {width}x{height} pixels, more than 8192x8192; scale it down")


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


@contextmanager
def _scratch(item: Item) -> Iterator[Path]:
    """A folder that goes away; raises SourceError where the video is not the one that was planned with."""
    _check_unchanged(item)
    scratch = scratch_folder(item.scratch or "")
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="rimlight-", dir=scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _check_unchanged(item: Item) -> None:
    if not stamp(item.source).agrees(item.stamp):
        raise SourceError(f"{item.source} was changed since the batch looked at it; run the batch again")


class _Kept(logging.Handler):
    def __init__(self, notes: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        self._notes.append(record.getMessage())


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """What is warned of meanwhile."""
    notes: list[str] = []
    handler = _Kept(notes)
    logging.getLogger("rimlight").addHandler(handler)
    try:
        yield notes
    finally:
        logging.getLogger("rimlight").removeHandler(handler)
