"""How good mattes are on clips with the truth: any number of matters on the same frames in one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from rimlight.benchmarks.machine import describe_machine
from rimlight.benchmarks.records import Record, new_record
from rimlight.benchmarks.tables import figure, markdown
from rimlight.benchmarks.testset import TrueClip, TrueFrame, find_clips
from rimlight.errors import FrameError
from rimlight.metrics import CONVENTIONS, ClipScores, conventions_for, mean_scores, motion_vectors
from rimlight.metrics.clip import FOREGROUND, Scores
from rimlight.types import FloatArray, Size, UInt8Array


class Matter(Protocol):
    """What can be evaluated: opened for a size, reset before each clip, then one matte a frame."""

    @property
    def name(self) -> str: ...

    def open(self, size: Size, threads: int = 2) -> None:
        """Make ready for frames of this size."""

    def reset(self) -> None:
        """The next frame does not continue the one before."""

    def matte(self, image: UInt8Array) -> tuple[FloatArray, UInt8Array | None]:
        """alpha (H, W) float32 0..1 and foreground (H, W, 3) uint8 or None, for an image (H, W, 3) uint8 RGB."""


@dataclass(frozen=True, slots=True)
class ClipResult:
    """scores of one clip by matter, convention and measure."""

    clip: str
    size: Size
    frames: int
    scores: Mapping[str, Scores]


@dataclass(frozen=True, slots=True)
class QualityResults:
    """A run's results. machine: as it was before the run; absent: matters that could not take part, with reasons."""

    clips: tuple[ClipResult, ...]
    matters: tuple[str, ...]
    machine: Mapping[str, Any]
    settings: Mapping[str, Any]
    absent: Mapping[str, str] = field(default_factory=dict)

    def by_size(self) -> dict[str, list[ClipResult]]:
        """Clips of one size together: sums over pixels do not compare across sizes."""
        return {size: list(clips) for size, clips in groupby(self.clips, key=lambda clip: str(clip.size))}

    def means(self) -> dict[str, dict[str, Scores]]:
        """Mean over the clips of a size, by size, matter, convention and measure."""
        return {
            size: {matter: mean_scores(clip.scores[matter] for clip in clips) for matter in self.matters}
            for size, clips in self.by_size().items()
        }

    def record(self, name: str = "quality") -> Record:
        """The results as a record, for write_record and plot_quality."""
        clips = {
            clip.clip: {"size": str(clip.size), "frames": clip.frames, "scores": dict(clip.scores)}
            for clip in self.clips
        }
        figures = {"means": self.means(), "clips": clips, "absent": dict(self.absent)}
        return new_record(name, dict(self.settings), figures, dict(self.machine))


def evaluate(
    matters: Sequence[Matter],
    folder: Path,
    threads: int = 2,
    absent: Mapping[str, str] | None = None,
    report: Callable[[str], None] | None = None,
) -> QualityResults:
    """Matte every clip in folder with every matter and score it by all conventions for its size.

    absent: matters that could not be had, by name with the reason; carried into results, table and record. report is
    told the name of each clip before it is measured. Raises SourceError on a bad folder or file, FrameError if two
    matters share a name or a matte has the wrong shape or range.
    """
    names = tuple(matter.name for matter in matters)
    if not names or len(set(names)) < len(names):
        raise FrameError(f"expected one or more matters of different names, got {list(names)}")
    machine = describe_machine()
    results: list[ClipResult] = []
    for size, clips in groupby(find_clips(folder), key=lambda clip: clip.size):
        for matter in matters:
            matter.open(size, threads)
        for clip in clips:
            if report is not None:
                report(clip.name)
            results.append(_evaluate_clip(matters, clip))
    settings = {"folder": folder.name, "threads": threads, "matters": list(names)}
    return QualityResults(tuple(results), names, machine, settings, dict(absent or {}))


def render_table(results: QualityResults, per_clip: bool = False) -> str:
    """Markdown tables that read well as plain text: one for each size and convention, matters as rows.

    per_clip adds a row for each matter and clip. Absent matters follow, each with its reason.
    """
    parts = []
    means = results.means()
    for size, clips in results.by_size().items():
        frames = sum(clip.frames for clip in clips)
        for convention in conventions_for(clips[0].size):
            rows = {name: means[size][name][convention] for name in results.matters}
            if per_clip:
                rows |= {f"{n} / {clip.clip}": clip.scores[n][convention] for n in results.matters for clip in clips}
            parts.append(f"{convention}, {size}, {len(clips)} clips, {frames} frames\n\n{_table(convention, rows)}")
    parts += [f"absent: {name}: {reason}" for name, reason in results.absent.items()]
    return "\n\n".join(parts) + "\n"


def _evaluate_clip(matters: Sequence[Matter], clip: TrueClip) -> ClipResult:
    """Frames outside, matters inside, so that each frame is read and its motion found once."""
    conventions = conventions_for(clip.size)
    scores = {matter.name: ClipScores(clip.size, conventions) for matter in matters}
    for matter in matters:
        matter.reset()
    before: UInt8Array | None = None
    for frame in clip.frames():
        motion = None if before is None else motion_vectors(before, frame.image)
        for matter in matters:
            alpha, foreground = matter.matte(frame.image)
            scores[matter.name].add(alpha, frame.alpha, motion, _foregrounds(foreground, frame))
        before = frame.image
    return ClipResult(clip.name, clip.size, len(clip.images), {name: s.scores() for name, s in scores.items()})


def _foregrounds(foreground: UInt8Array | None, frame: TrueFrame) -> tuple[UInt8Array, UInt8Array] | None:
    if foreground is None or frame.foreground is None:
        return None
    return foreground, frame.foreground


def _table(convention: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    names = [measure.name for measure in CONVENTIONS[convention].measures] + [FOREGROUND]
    columns = [name for name in names if any(name in row for row in rows.values())]
    body = [[label, *(figure(row.get(name)) for name in columns)] for label, row in rows.items()]
    return markdown([["matter", *columns], *body])
