"""Scores of one clip, gathered frame by frame: two frames are held, however long the clip is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rimlight.errors import FrameError
from rimlight.metrics import maps
from rimlight.metrics.conventions import CONVENTIONS, Convention, ErrorMap
from rimlight.metrics.measures import Region, foreground_mse
from rimlight.metrics.truth import transition_region
from rimlight.types import FloatArray, Size, UInt8Array

Scores: TypeAlias = dict[str, dict[str, float]]  # by convention, then by measure
FOREGROUND = "fgMSE"


@dataclass(frozen=True, slots=True)
class _Pair:
    """A matte, its truth and the truth's transition region, kept until the next frame has come."""

    alpha: FloatArray
    truth: FloatArray
    transition: Region


class ClipScores:
    """Scores of one clip by named conventions.

    add() takes the frames in order; scores() may be called at any time. Mattes are rounded to 8 bits first, as the
    conventions measure files. Raises FrameError on an unknown convention, and on frames of another size.
    """

    def __init__(self, size: Size, conventions: Sequence[str]) -> None:
        unknown = [name for name in conventions if name not in CONVENTIONS]
        if unknown:
            raise FrameError(f"expected conventions out of {', '.join(CONVENTIONS)}, got {', '.join(unknown)}")
        self._shape = (size.height, size.width)
        self._conventions = [CONVENTIONS[name] for name in conventions]
        self._sums: Scores = {name: {} for name in conventions}
        self._before: _Pair | None = None
        self._frames = 0
        self._foregrounds = 0

    def add(
        self,
        alpha: FloatArray,
        truth: FloatArray,
        motion: FloatArray | None = None,
        foregrounds: tuple[UInt8Array, UInt8Array] | None = None,
        unknown: Region = None,
    ) -> None:
        """Take the next frame.

        alpha, truth (H, W) float, 0..1. motion (H, W, 2) from the frame before to this one (motion_vectors), wanted
        from the second frame on by dvm conventions. foregrounds: the matte's and the true one, (H, W, 3) uint8.
        unknown (H, W) bool: a trimap's unknown region, measured by dvm_transition in place of the one that the truth
        gives, so that mattes are compared where all of them had to be found out.
        Raises FrameError if a shape, type or range is wrong, or motion is missing.
        """
        now = self._pair(alpha, truth, unknown)
        errors = self._errors(now, motion)
        for convention in self._conventions:
            self._add_measures(convention, errors, now.transition)
        if foregrounds is not None:
            self._add_foreground(*foregrounds, now.truth)
        self._before = now
        self._frames += 1

    def scores(self) -> Scores:
        """Means over the frames so far, by convention and measure; measures of pairs are absent before two frames.

        Raises FrameError if no frame was added.
        """
        if not self._frames:
            raise FrameError("expected at least one frame before the scores are read, got none; call add first")
        return {convention.name: self._means(convention) for convention in self._conventions}

    def _pair(self, alpha: FloatArray, truth: FloatArray, unknown: Region) -> _Pair:
        for name, part in (("alpha", alpha), ("truth", truth), ("unknown", unknown)):
            if part is not None and part.shape != self._shape:
                raise FrameError(f"expected {name} of the clip's shape {self._shape}, got {part.shape}")
        truth = _as_filed(maps.checked_alpha(truth, "truth"))
        wanted = any(convention.transition for convention in self._conventions)
        if wanted and unknown is None:
            unknown = transition_region(truth)
        return _Pair(_as_filed(maps.checked_alpha(alpha)), truth, unknown if wanted else None)

    def _errors(self, now: _Pair, motion: FloatArray | None) -> dict[ErrorMap, FloatArray]:
        """Every error map that a convention asks for, computed once; maps of pairs only from the second frame on."""
        wanted = {measure.error for convention in self._conventions for measure in convention.measures}
        if self._before is None:
            wanted -= {"change", "moved"}
        return {name: _error_map(name, now, self._before, motion) for name in wanted}

    def _add_measures(self, convention: Convention, errors: dict[ErrorMap, FloatArray], transition: Region) -> None:
        sums = self._sums[convention.name]
        for measure in convention.measures:
            if measure.error not in errors:
                continue
            pair = self._before if measure.error in ("change", "moved") else None
            region = pair.transition if pair else transition  # a pair is measured where its earlier frame is mixed
            value = measure.reduction(errors[measure.error], region if convention.transition else None)
            sums[measure.name] = sums.get(measure.name, 0.0) + measure.scale * value

    def _add_foreground(self, foreground: UInt8Array, true_foreground: UInt8Array, truth: FloatArray) -> None:
        for convention in self._conventions:
            if convention.foreground_ratio is not None:
                value = foreground_mse(foreground, true_foreground, truth, convention.foreground_ratio)
                sums = self._sums[convention.name]
                sums[FOREGROUND] = sums.get(FOREGROUND, 0.0) + 1e3 * value
        self._foregrounds += 1

    def _means(self, convention: Convention) -> dict[str, float]:
        sums = self._sums[convention.name]
        counts = {measure.name: self._frames - measure.pairs for measure in convention.measures}
        means = {name: sums.get(name, 0.0) / count for name, count in counts.items() if count}
        if FOREGROUND in sums:
            means[FOREGROUND] = sums[FOREGROUND] / self._foregrounds
        return means


def mean_scores(clips: Iterable[Scores]) -> Scores:
    """Mean over clips, each clip counting once however long it is; a measure that some clips lack is over the rest."""
    gathered: dict[str, dict[str, list[float]]] = {}
    for scores in clips:
        for convention, measures in scores.items():
            for name, value in measures.items():
                gathered.setdefault(convention, {}).setdefault(name, []).append(value)
    return {
        convention: {name: sum(values) / len(values) for name, values in measures.items()}
        for convention, measures in gathered.items()
    }


def _as_filed(alpha: FloatArray) -> FloatArray:
    """Alpha as an 8-bit file gives it back."""
    filed: FloatArray = np.rint(alpha * np.float32(255)) / np.float32(255)
    return filed


def _error_map(name: ErrorMap, now: _Pair, before: _Pair | None, motion: FloatArray | None) -> FloatArray:
    if before is not None and name == "change":
        return maps.change_error(now.alpha, now.truth, before.alpha, before.truth)
    if before is not None and name == "moved":
        if motion is None or motion.shape != (*now.truth.shape, 2):
            raise FrameError(
                f"expected motion as float (H, W, 2) from the second frame on, got {getattr(motion, 'shape', None)}; "
                "compute it with motion_vectors"
            )
        return maps.moved_error(before.alpha - before.truth, now.alpha - now.truth, motion)
    if name == "stretched_gradient":
        return maps.gradient_error(maps.stretched(now.alpha), maps.stretched(now.truth))
    simple = {
        "absolute": maps.absolute_error,
        "squared": maps.squared_error,
        "gradient": maps.gradient_error,
        "connectivity": maps.connectivity_error,
    }
    return simple[name](now.alpha, now.truth)
