"""A video file, decoded frame by frame, or a range of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain, dropwhile, islice
from pathlib import Path
from threading import Lock

from av.error import FFmpegError
from av.video.frame import VideoFrame

from rimlight.errors import SourceError
from rimlight.realtime.sources.base import Closes
from rimlight.realtime.sources.decoding import Decoding
from rimlight.realtime.sources.index import Index, read_index
from rimlight.realtime.sources.timeline import Timeline
from rimlight.realtime.sources.unpack import Unpacker, turns_of
from rimlight.types import Frame, Size

log = logging.getLogger(__name__)

LEAST_SHARE = 0.9  # of the length that the container states, below which a file is said to be cut off

Placed = tuple[VideoFrame, float, bool]  # picture, pts_s, cut


class FileSource(Closes):
    """The frames of a video file, in the order and at the times they are shown.

    frames: yield only those of these indices (step 1), exactly the slice of the whole file and with the same times,
    though the first of them is a cut. The file is read from the keyframe before the range.
    Frames hold read-only I420 planes straight from the decoder where the file is 8-bit 4:2:0, else RGB; rotation is
    applied. pts_s counts from the file's first frame and never goes back. count is an estimate unless frames is given.
    Damaged parts are left out or concealed, as the ffmpeg program does, and a warning is logged at the end.
    Raises SourceError where the path is no video with at least one frame that decodes, or lies behind the range.
    """

    live = False

    def __init__(self, path: str | Path, *, frames: range | None = None) -> None:
        self._path = Path(path)
        self._lock = Lock()  # closing in the middle of a decoder's call would crash the process
        self._decoding = Decoding(self._path)
        known = self._path.stat()
        self._unpack = Unpacker(turns_of(str(self._path.resolve()), known.st_mtime_ns, known.st_size))
        self._closed = False
        try:
            self.rate = self._decoding.rate
            self._count = self._decoding.estimated_count
            self._whole = frames is None
            self._frames = self._unpacked(self._from_start() if frames is None else self._range(frames))
            self._first: Frame | None = next(self._frames, None)
            if self._first is None:
                raise SourceError(_nothing(self._path, frames))
            self.size: Size = self._first.size
        except BaseException:
            self.close()
            raise

    @property
    def count(self) -> int | None:
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self._next()) is not None:
            yield replace(frame, captured_s=time.perf_counter())

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                # The generators know us: let go of them, or the decoder's memory waits for the garbage collector.
                self._first, self._frames = None, iter(())
                self._decoding.close()

    def _next(self) -> Frame | None:
        with self._lock:
            if self._closed:
                return None
            frame, self._first = self._first, None
            return frame or next(self._frames, None)

    def _unpacked(self, placed: Iterator[Placed]) -> Iterator[Frame]:
        seen, end_s = 0, 0.0
        for picture, pts_s, cut in placed:
            yield Frame(self._unpack(picture), pts_s, time.perf_counter(), cut)
            seen, end_s = seen + 1, pts_s + 1 / float(self.rate)
        self._say_damage(seen, end_s)

    def _from_start(self) -> Iterator[Placed]:
        return self._place(self._decoding.pictures(), Timeline(1 / float(self.rate)))

    def _place(self, pictures: Iterator[VideoFrame], timeline: Timeline) -> Iterator[Placed]:
        for picture in pictures:
            time_s = self._decoding.seconds(picture.pts)
            yield picture, *timeline.place(time_s, Size(picture.height, picture.width))

    def _range(self, frames: range) -> Iterator[Placed]:
        if frames.step != 1 or frames.start < 0 or not frames:
            raise SourceError(f"expected a range of frames that counts up by one from 0 or later, got {frames}")
        first = next(self._decoding.pictures(), None)
        index = read_index(self._path)
        if first is None or first.pts is None or index is None:
            self._reopen()
            return self._counted(frames)
        return self._sought(frames, index.since(first.pts))

    def _counted(self, frames: range) -> Iterator[Placed]:
        """The range by counting from the start, for files whose timestamps cannot be relied on."""
        self._count = None
        placed = islice(self._from_start(), frames.start, frames.stop)
        for position, (picture, pts_s, cut) in enumerate(placed):
            yield picture, pts_s, cut or position == 0

    def _sought(self, frames: range, index: Index) -> Iterator[Placed]:
        """The range by timestamps, so that neighbouring ranges of a damaged file neither share nor lose a frame."""
        wanted = index.times[frames.start : frames.stop]
        if not wanted:
            raise SourceError(f"{self._path} has {len(index.times)} frames, none of {frames}")
        self._count = len(wanted)
        start_s = self._decoding.seconds(index.times[0])
        pictures = self._pictures_from(index.seek_points(wanted[0]), wanted[0])
        inside = (picture for picture in pictures if picture.pts is not None and picture.pts >= wanted[0])
        for placed in self._place(inside, Timeline(1 / float(self.rate), start_s)):
            pts = placed[0].pts or 0
            if pts <= wanted[-1]:
                yield placed
            if pts >= wanted[-1]:
                return

    def _pictures_from(self, points: Iterable[int], wanted: int) -> Iterator[VideoFrame]:
        """Pictures from a keyframe at or before the wanted timestamp; from the start where no point leads there."""
        for point in points:
            try:
                self._decoding.seek(point)
            except FFmpegError:
                continue
            # What comes before the keyframe leans on frames that were not decoded.
            pictures = dropwhile(lambda picture: not picture.key_frame, self._decoding.pictures())
            first = next(pictures, None)
            if first is not None and first.pts is not None and first.pts <= wanted:
                return chain([first], pictures)
        self._reopen()
        return self._decoding.pictures()

    def _reopen(self) -> None:
        self._decoding.close()
        self._decoding = Decoding(self._path)
        known = self._path.stat()
        self._unpack = Unpacker(turns_of(str(self._path.resolve()), known.st_mtime_ns, known.st_size))

    def _say_damage(self, seen: int, end_s: float) -> None:
        exact, length_s = self._decoding.exact_count, self._decoding.length_s
        short = end_s < LEAST_SHARE * (length_s or 0.0) if exact is None else seen < exact
        if seen and (self._decoding.damaged or (self._whole and short)):
            log.warning(
                "%s is damaged or cut off: %d frames came, about %s were expected, %d errors",
                self._path,
                seen,
                self._count,
                self._decoding.damaged,
            )


def _nothing(path: Path, frames: range | None) -> str:
    if frames is not None and frames.start > 0:
        return f"no frame of {path} lies in {frames}; ask for fewer, or see whether the file is damaged"
    return f"no frame of {path} could be decoded; it is damaged, record or copy it again"


def from_spec(path: str, size: Size | None = None, rate: Fraction | None = None) -> FileSource:
    """Open a file for the registry; raises SourceError where another size or rate than the file's is asked for."""
    if size is not None or rate is not None:
        raise SourceError(f"{path} is a file and keeps its own size and rate; leave out the size and rate")
    return FileSource(path)
