"""What `rimlight studio matte` is asked for, put together: the film, its marks, the networks."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rimlight.errors import ConfigError, MissingExtraError
from rimlight.realtime.session import Settings
from rimlight.studio.auto import auto_marks
from rimlight.studio.errors import TrimapError
from rimlight.studio.marks import Marks, Thinned, marks_of_files, marks_of_place, unmarked_shots
from rimlight.studio.matte import Film
from rimlight.studio.networks import Networks
from rimlight.studio.project import Project
from rimlight.studio.survey import checksum, survey
from rimlight.types import Frame

log = logging.getLogger(__name__)
ONE_OF = "--trimap FRAME=FILE, --trimaps FOLDER or VIDEO, --auto-trimaps N, or --project FILE"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where trimaps come from; one of the first four. every: only of frames whose number it divides.

    named: texts as 120=t120.png. place: a folder of pictures or a video. auto: how many the live network makes.
    project: what the editor saved.
    """

    named: Sequence[str] = ()
    place: Path | None = None
    auto: int | None = None
    project: Path | None = None
    every: int | None = None

    def __post_init__(self) -> None:
        given = [bool(self.named), self.place is not None, self.auto is not None, self.project is not None]
        if sum(given) != 1:
            raise ConfigError(f"expected trimaps from one of {ONE_OF}; got {sum(given)} of them")
        if self.every is not None and self.place is None:
            raise ConfigError("--every thins out --trimaps; leave it out with others")


def film_at(path: Path, seen: Callable[[Frame], None] = lambda _: None) -> Film:
    """A video looked through once; seen is called with every frame."""
    return Film(path, survey(path, seen), checksum(path))


def marks_for(wanted: Wanted, film: Film, live: Settings) -> tuple[Marks, str]:
    """The marks that are wanted, and what tells them from others. Shots without one are warned of."""
    marks = _marks(wanted, film, live)
    if not marks.frames:
        raise TrimapError(f"no trimap of a frame that {wanted.every} divides; choose another --every")
    for shot in unmarked_shots(marks.frames, film.survey)[:3]:
        log.warning("no trimap in the shot of frames %d to %d; it takes one of another shot", shot.start, shot.stop - 1)
    return marks, _digest(wanted, marks)


def open_both(propagation: Path | None, matting: Path | None, device: str) -> Networks:
    """The true networks; raises WeightsError where there are no weights, MissingExtraError without PyTorch."""
    try:
        from rimlight.studio.opening import open_networks
    except ImportError as error:
        raise MissingExtraError("rimlight studio", error.name or "torch", "studio") from error
    return open_networks(propagation, matting, device)


def _marks(wanted: Wanted, film: Film, live: Settings) -> Marks:
    if wanted.named:
        return marks_of_files(wanted.named, film.survey)
    if wanted.place is not None:
        whole = marks_of_place(wanted.place, film.survey)
        return whole if wanted.every is None else Thinned(whole, wanted.every)
    if wanted.auto is not None:
        return auto_marks(film.path, film.survey, wanted.auto, live)
    assert wanted.project is not None
    return Project.load(wanted.project, film.path).marks()


def digest_of(marks: Marks) -> str:
    """Tells marks from others by all their trimaps."""
    digest = hashlib.sha256()
    for frame in marks.frames:
        digest.update(frame.to_bytes(8, "little") + marks.trimap(frame).tobytes())
    return digest.hexdigest()[:16]


def _digest(wanted: Wanted, marks: Marks) -> str:
    """Of the trimaps; of their place, where one may be mended before the run goes on; of how they are made."""
    if wanted.place is not None:
        return f"{wanted.place.resolve()} {wanted.every} {len(marks.frames)}"
    return digest_of(marks) if wanted.auto is None else f"{wanted.auto} automatic ones"
