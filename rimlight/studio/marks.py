"""Which frames have a trimap, and where those come from: files, a folder, a video, memory.

Marks are read when they are asked for, so that a trimap for each of many frames needs no memory.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from rimlight.errors import SourceError
from rimlight.realtime.sources.file import FileSource
from rimlight.studio.errors import TrimapError
from rimlight.studio.reel import Reel
from rimlight.studio.survey import Survey
from rimlight.studio.trimaps import LEVELS, check_trimap, decode_trimap, encode_trimap, read_trimap
from rimlight.types import Size, UInt8Array

PICTURES = (".png", ".bmp", ".tif", ".tiff", ".webp")  # kinds that keep grey levels
NUMBER = re.compile(r"(\d+)$")
NEAR_LEVEL = 24  # a video's compression moves levels by less


class Marks(Protocol):
    """Trimaps of some frames. frames: their numbers, in order."""

    @property
    def frames(self) -> Sequence[int]: ...

    def trimap(self, frame: int) -> UInt8Array:
        """(H, W) of a marked frame; raises TrimapError where it is not as it should be."""


@dataclass(frozen=True, slots=True)
class HeldMarks:
    """Trimaps as encoded pictures in memory, by frame."""

    size: Size
    pictures: Mapping[int, bytes]

    @property
    def frames(self) -> Sequence[int]:
        return sorted(self.pictures)

    def trimap(self, frame: int) -> UInt8Array:
        return decode_trimap(self.pictures[frame], self.size, f"the trimap of frame {frame}")


@dataclass(frozen=True, slots=True)
class FileMarks:
    """Trimaps in files, by frame."""

    size: Size
    paths: Mapping[int, Path]

    @property
    def frames(self) -> Sequence[int]:
        return sorted(self.paths)

    def trimap(self, frame: int) -> UInt8Array:
        return read_trimap(self.paths[frame], self.size)


class VideoMarks:
    """A trimap for every frame as a video beside the other; levels that compression moved a little are put right."""

    def __init__(self, path: Path, survey: Survey) -> None:
        with FileSource(path) as source:
            if source.size != survey.size:
                raise TrimapError(f"{path} is {source.size}, but the video is {survey.size}; export it at that size")
        self.frames: Sequence[int] = range(survey.count)
        self._path, self._size = path, survey.size
        self._reel = Reel(path, survey.count)

    def trimap(self, frame: int) -> UInt8Array:
        try:
            grey = self._reel.frame(frame).image[:, :, 1]
        except SourceError as error:
            raise TrimapError(f"{self._path} has no trimap for frame {frame}: {error}") from error
        return check_trimap(_nearest(grey), self._size, f"frame {frame} of {self._path}")


@dataclass(frozen=True, slots=True)
class Thinned:
    """Every so manieth frame of other marks."""

    whole: Marks
    every: int

    @property
    def frames(self) -> Sequence[int]:
        return [frame for frame in self.whole.frames if frame % self.every == 0]

    def trimap(self, frame: int) -> UInt8Array:
        return self.whole.trimap(frame)


def held(size: Size, trimaps: Mapping[int, UInt8Array]) -> HeldMarks:
    """Marks of trimaps (H, W), kept encoded."""
    return HeldMarks(size, {frame: encode_trimap(trimap) for frame, trimap in trimaps.items()})


def marks_of_files(named: Sequence[str], survey: Survey) -> FileMarks:
    """Marks of texts such as 120=t120.png; every file is looked at. Raises TrimapError for the first that is wrong."""
    paths: dict[int, Path] = {}
    for text in named:
        number, equals, name = text.partition("=")
        if not equals or not number.strip().isdecimal() or not name:
            raise TrimapError(f"expected a trimap as FRAME=FILE, such as 120=t120.png, got {text!r}")
        frame = int(number)
        if frame in paths:
            raise TrimapError(f"frame {frame} has two trimaps, {paths[frame]} and {name}; give one")
        paths[frame] = Path(name)
    check_frames(paths, survey)
    marks = FileMarks(survey.size, paths)
    for frame in marks.frames:
        marks.trimap(frame)
    return marks


def marks_of_place(place: Path, survey: Survey) -> Marks:
    """Marks of a folder of pictures whose names end in the frame's number, or of a video with a trimap per frame."""
    if not place.is_dir():
        return VideoMarks(place, survey)
    paths: dict[int, Path] = {}
    for path in sorted(place.iterdir()):
        if path.suffix.lower() not in PICTURES or path.name.startswith("."):
            continue
        number = NUMBER.search(path.stem)
        if number is None:
            raise TrimapError(f"{path} does not end in a frame's number; name it as 00120.png")
        if int(number[1]) in paths:
            raise TrimapError(f"{paths[int(number[1])]} and {path} are both of frame {int(number[1])}; remove one")
        paths[int(number[1])] = path
    if not paths:
        raise TrimapError(f"no pictures of {', '.join(PICTURES)} in {place}; put trimaps named as 00120.png there")
    check_frames(paths, survey)
    return FileMarks(survey.size, paths)


def check_frames(frames: Mapping[int, object], survey: Survey) -> None:
    """Raise TrimapError for frames that the video does not have."""
    beyond = sorted(frame for frame in frames if not 0 <= frame < survey.count)
    if beyond:
        where = f" ({frames[beyond[0]]})" if isinstance(frames[beyond[0]], Path) else ""
        raise TrimapError(
            f"frame {beyond[0]}{where} is outside the video, which has the frames 0 to {survey.count - 1}; "
            "number the trimap by the frame it belongs to, counted from 0"
        )


def reference_of(frame: int, marked: Sequence[int], survey: Survey) -> int:
    """The marked frame that is nearest in time, of the same shot if that has any; the earlier of two alike."""
    if not marked:
        raise TrimapError("no frame has a trimap; mark one, or let --auto-trimaps make them")
    shot = survey.shot(frame)
    own = marked[bisect_left(marked, shot.start) : bisect_left(marked, shot.stop)] or marked
    after = bisect_left(own, frame)
    near = own[max(0, after - 1) : after + 1]
    return min(near, key=lambda mark: (abs(mark - frame), mark))


def unmarked_shots(marked: Sequence[int], survey: Survey) -> list[range]:
    """Shots without a trimap of their own."""
    return [shot for shot in survey.each_shot() if bisect_left(marked, shot.start) == bisect_left(marked, shot.stop)]


def _nearest(grey: UInt8Array) -> UInt8Array:
    """Levels within NEAR_LEVEL of one of a trimap, moved there; others as they are, for the error."""
    moved = grey.copy()
    for level in LEVELS:
        moved[np.abs(grey.astype(np.int16) - level) <= NEAR_LEVEL] = level
    return moved
