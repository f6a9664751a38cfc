"""Whole runs with the stand-in networks."""

from __future__ import annotations

from pathlib import Path

from rimlight.studio.marks import HeldMarks, Marks, held
from rimlight.studio.matte import Detail, Film, Output, matte_film

from .films import true_trimap
from .standin import networks


def marks_of(film: Film, *frames: int) -> HeldMarks:
    """True trimaps of some frames, the first and the one in the middle if none are named."""
    size = film.survey.size
    chosen = frames or (0, film.survey.count // 2)
    return held(size, {frame: true_trimap(frame, size.height, size.width) for frame in chosen})


def run(film: Film, out: Path | str, marks: Marks | None = None, detail: Detail | None = None, **options: bool) -> None:
    """Mat the film to a file."""
    output = Output(str(out), **options)  # type: ignore[arg-type]
    list(matte_film(film, networks(), marks or marks_of(film), output, detail))
