"""What the editor saves beside a video: every step of every mark, after each one, whole or not at all.

The file names the video's checksum. With another video it is refused and stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from rimlight.errors import FrameError
from rimlight.studio.errors import ProjectError, TrimapError
from rimlight.studio.marks import HeldMarks, check_frames, held
from rimlight.studio.strokes import Step, Stroke, Unmark, as_json, from_json, paint, replay
from rimlight.studio.survey import Survey, checksum
from rimlight.studio.whole import write_whole
from rimlight.types import Size, UInt8Array

FORMAT = 1
ENDING = ".studio.json"


@dataclass(frozen=True, slots=True)
class Footprint:
    """What tells a video from another: length and checksum; a file with the same time is not read again."""

    bytes: int
    modified_ns: int
    sha256: str

    def fits(self, path: Path) -> bool:
        """Whether a file is that video."""
        try:
            found = path.stat()
        except OSError as error:
            raise ProjectError(f"the video {path} cannot be read: {error.strerror}; put it back") from error
        if found.st_size != self.bytes:
            return False
        return found.st_mtime_ns == self.modified_ns or checksum(path) == self.sha256


def footprint_of(path: Path) -> Footprint:
    """Of a video that is there."""
    found = path.stat()
    return Footprint(found.st_size, found.st_mtime_ns, checksum(path))


@dataclass(frozen=True, slots=True)
class History:
    """Steps of one frame that count, and those that were taken back, the last one first."""

    steps: tuple[Step, ...] = ()
    undone: tuple[Step, ...] = ()

    @property
    def marked(self) -> bool:
        return bool(self.steps) and not isinstance(self.steps[-1], Unmark)


@dataclass(slots=True)
class Project:
    """Marks of a video. Each change is on the disk when its call returns; one that cannot be saved does not happen."""

    path: Path
    video: Path
    footprint: Footprint
    survey: Survey
    histories: dict[int, History] = field(default_factory=dict)
    revision: int = 0  # of this process; each change has a new one
    changed: dict[int, int] = field(default_factory=dict)  # revision of each frame's last change
    _kept: tuple[int, tuple[Step, ...], UInt8Array] | None = None  # the trimap drawn last, and of which steps
    _saved: tuple[int, int] | None = None  # time and length of the file as it was read or written last

    @classmethod
    def begin(cls, path: Path, video: Path, looked: Survey) -> Project:
        """A project without marks, saved at once; raises ProjectError where the file is there already."""
        if path.exists():
            raise ProjectError(f"{path} exists; open it, or choose another --project")
        project = cls(path, video, footprint_of(video), looked)
        project._save(project.histories)
        return project

    @classmethod
    def load(cls, path: Path, video: Path) -> Project:
        """The project in a file; raises ProjectError where it is damaged or of another video, and changes nothing."""
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
            project = _project(table, path, video)
        except OSError as error:
            raise ProjectError(f"the project {path} cannot be read: {error.strerror}; check the path") from error
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, FrameError) as error:
            raise ProjectError(
                f"{path} is no project of this version, or damaged: {error}; it was not touched"
            ) from error
        project._saved = _stamp(path)
        project.check_video()
        check_frames(project.histories, project.survey)
        return project

    @property
    def frames(self) -> Sequence[int]:
        return sorted(frame for frame, history in self.histories.items() if history.marked)

    def check_video(self) -> None:
        """Raise ProjectError if the video is not the one that the project was made for."""
        if not self.footprint.fits(self.video):
            raise ProjectError(
                f"{self.video.name} has changed since {self.path.name} was saved (it had {self.footprint.bytes} bytes, "
                f"SHA-256 {self.footprint.sha256[:12]}…), so its marks may lie elsewhere now; put the old video back, "
                "or begin another with --project NAME. Nothing of the project was changed"
            )

    def trimap(self, frame: int) -> UInt8Array:
        """(H, W) of a marked frame; raises TrimapError for others."""
        steps = self.history(frame).steps
        trimap = self._continued(frame, steps)
        if trimap is None:
            trimap = replay(steps, self.survey.size)
        if trimap is None:
            raise TrimapError(f"frame {frame} has no trimap; draw one")
        self._kept = (frame, steps, trimap)
        return trimap

    def marks(self) -> HeldMarks:
        """The marks as they are now, whatever happens to the project after."""
        return held(self.survey.size, {frame: self.trimap(frame) for frame in self.frames})

    def history(self, frame: int) -> History:
        """Of one frame; raises TrimapError for one that the video does not have."""
        check_frames({frame: None}, self.survey)
        return self.histories.get(frame, History())

    def add(self, frame: int, *steps: Step) -> None:
        """Do steps on a frame; what was undone is gone then."""
        self._change(frame, History((*self.history(frame).steps, *steps)))

    def undo(self, frame: int) -> bool:
        """Take the last step back; false where there is none."""
        history = self.history(frame)
        if history.steps:
            self._change(frame, History(history.steps[:-1], (history.steps[-1], *history.undone)))
        return bool(history.steps)

    def redo(self, frame: int) -> bool:
        """Do the step again that was taken back last; false where there is none."""
        history = self.history(frame)
        if history.undone:
            self._change(frame, History((*history.steps, history.undone[0]), history.undone[1:]))
        return bool(history.undone)

    def _continued(self, frame: int, steps: tuple[Step, ...]) -> UInt8Array | None:
        """The trimap drawn last with the strokes since; None where it is another's or more than strokes came since."""
        if self._kept is None or self._kept[0] != frame:
            return None
        _, known, trimap = self._kept
        since = [step for step in steps[len(known) :] if isinstance(step, Stroke)]
        if steps[: len(known)] != known or len(since) != len(steps) - len(known):
            return None
        if since:
            trimap = trimap.copy()
        for stroke in since:
            paint(trimap, stroke)
        return trimap

    def _change(self, frame: int, history: History) -> None:
        changed = self.histories | {frame: history}
        self._save(changed)
        self.histories = changed
        self.revision += 1
        self.changed[frame] = self.revision

    def _save(self, histories: Mapping[int, History]) -> None:
        if self._saved != _stamp(self.path):
            raise ProjectError(f"{self.path} was changed by another program; close this editor and open it again")
        survey, footprint = self.survey, self.footprint
        video = {
            "name": self.video.name, "bytes": footprint.bytes, "modified_ns": footprint.modified_ns,
            "sha256": footprint.sha256, "height": survey.size.height, "width": survey.size.width,
            "rate": str(survey.rate), "frames": survey.count, "shots": list(survey.shots),
        }  # fmt: skip
        marks = ",".join(f'"{frame}":{_history_text(one)}' for frame, one in sorted(histories.items()))
        text = f'{{"format":{FORMAT},"video":{json.dumps(video)},"marks":{{{marks}}}}}'
        write_whole(self.path, text.encode())
        self._saved = _stamp(self.path)


def project_path(video: Path) -> Path:
    """Where a video's project lies unless it is told."""
    return video.with_name(video.name + ENDING)


def _history_text(history: History) -> str:
    steps, undone = (",".join(map(_step_text, part)) for part in (history.steps, history.undone))
    return f'{{"steps":[{steps}],"undone":[{undone}]}}'


@lru_cache(maxsize=2**16)
def _step_text(step: Step) -> str:
    """A step's JSON; the steps before are the same at every save."""
    return json.dumps(as_json(step), separators=(",", ":"))


def _stamp(path: Path) -> tuple[int, int] | None:
    """Time and length of a file, None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size


def _project(table: Any, path: Path, video: Path) -> Project:
    if not isinstance(table, dict) or table.get("format") != FORMAT:
        raise ValueError(f"expected format {FORMAT}")
    known = table["video"]
    size = Size(int(known["height"]), int(known["width"]))
    looked = Survey(size, Fraction(known["rate"]), int(known["frames"]), tuple(map(int, known["shots"])))
    footprint = Footprint(int(known["bytes"]), int(known["modified_ns"]), str(known["sha256"]))
    histories = {
        int(frame): History(tuple(map(from_json, one["steps"])), tuple(map(from_json, one["undone"])))
        for frame, one in table["marks"].items()
    }
    return Project(path, video, footprint, looked, histories)
