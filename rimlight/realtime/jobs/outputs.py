"""Where jobs write, and how what they wrote becomes one output: a file of joined parts, pictures, or nothing.

An output travels to the jobs' processes. Everything is written into a hidden folder beside the target, which goes away
with all that is in it, however the run ends.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rimlight.errors import SinkError
from rimlight.realtime.jobs.join import join
from rimlight.realtime.sinks import kind_of, null
from rimlight.realtime.sinks.base import Sink, StreamInfo
from rimlight.realtime.sinks.file import from_spec as open_file
from rimlight.realtime.sinks.options import Options
from rimlight.realtime.sinks.pictures import PicturesSink
from rimlight.realtime.sinks.pictures import from_spec as open_pictures


class Output(Protocol):
    """The output of several jobs.

    start_s: what is added to every frame's time before it is written.
    """

    @property
    def start_s(self) -> float: ...

    def part(self, number: int, first: int) -> Sink:
        """What the job of that number writes to, from the frame of index first on."""

    def finish(self, begins_s: Sequence[float | None]) -> None:
        """Make the target of all parts; begins_s: time of each part's first frame as written, None if it has none."""

    def remove(self) -> None:
        """Remove what is not the target."""


@dataclass(frozen=True, slots=True)
class FileOutput:
    """A video file per job, joined without encoding anew; the sound comes in then. target: the file that is wanted."""

    target: Path
    info: StreamInfo
    options: Options
    start_s: float
    folder: Path

    def part(self, number: int, first: int) -> Sink:  # noqa: ARG002 - frames know their time
        silent = StreamInfo(self.info.size, self.info.rate)
        return open_file(str(self._part(number)), silent, self.options)

    def finish(self, begins_s: Sequence[float | None]) -> None:
        parts = [(self._part(number), begin_s) for number, begin_s in enumerate(begins_s) if begin_s is not None]
        whole = self.folder / f"whole{self.target.suffix}"
        join(parts, whole, self.target, self.info)
        try:
            whole.replace(self.target)
        except OSError as error:
            raise SinkError(f"{self.target} cannot be written: {error.strerror}; choose another name") from error

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _part(self, number: int) -> Path:
        return self.folder / f"{number}{self.target.suffix}"


@dataclass(frozen=True, slots=True)
class PicturesOutput:
    """Pictures numbered by the index of their frame, moved to their folder when all are there."""

    pattern: Path
    options: Options
    folder: Path
    start_s: float = 0.0

    def part(self, number: int, first: int) -> Sink:  # noqa: ARG002 - pictures of all jobs lie in one folder
        return PicturesSink(self.folder / self.pattern.name, alpha=bool(self.options.alpha), first=first)

    def finish(self, begins_s: Sequence[float | None]) -> None:  # noqa: ARG002 - pictures have no time
        for picture in sorted(self.folder.iterdir()):
            picture.replace(self.pattern.with_name(picture.name))

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class NullOutput:
    """Nothing, for measuring everything else."""

    rest: str
    info: StreamInfo
    options: Options
    start_s: float = 0.0

    def part(self, number: int, first: int) -> Sink:  # noqa: ARG002 - all the same
        return null.from_spec(self.rest, self.info, self.options)

    def finish(self, begins_s: Sequence[float | None]) -> None:
        """Nothing to join."""

    def remove(self) -> None:
        """Nothing to remove."""


def open_output(sink: str, info: StreamInfo, options: Options) -> Output:
    """The output of jobs for a sink's name; raises what the sink would raise, before any job is begun."""
    kind, rest = kind_of(sink)
    if kind == "null":
        null.from_spec(rest, info, options)
        return NullOutput(rest, info, options)
    if kind == "pictures":
        return _pictures(open_pictures(rest, info, options), options)
    trial = open_file(rest, info, options)
    start_s = trial.start_s
    trial.discard()
    return FileOutput(Path(rest), info, options, start_s, _hidden_folder(Path(rest)))


def _pictures(trial: PicturesSink, options: Options) -> PicturesOutput:
    if not trial.numbered:
        raise SinkError(f"{trial.pattern} holds one picture; write a number into the name, such as out/%05d.png")
    return PicturesOutput(trial.pattern, options, _hidden_folder(trial.pattern))


def _hidden_folder(target: Path) -> Path:
    """A new folder on the file system of the target, so that moving to it is one step."""
    stem = target.stem.replace("%", "")
    return Path(tempfile.mkdtemp(prefix=f".{stem}.", suffix=".parts", dir=target.parent))
