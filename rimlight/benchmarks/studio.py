"""The studio's mattes on clips with the truth: the tables of Sun et al. 2021, and whether they beat the live network's.

A row whose weights were not given says so and has no figures; every other row says how long its weights were trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from rimlight.benchmarks import studio_mattes as mattes
from rimlight.benchmarks.machine import describe_machine
from rimlight.benchmarks.ours import Ours
from rimlight.benchmarks.records import Record, new_record
from rimlight.benchmarks.studio_mattes import Film, Mattes, Trimaps
from rimlight.benchmarks.studio_rows import LIVE, Candidate, candidate_of, trained_of
from rimlight.benchmarks.testset import find_clips
from rimlight.errors import SourceError
from rimlight.metrics import ClipScores, mean_scores, motion_vectors
from rimlight.metrics.clip import Scores
from rimlight.studio.networks import Propagator
from rimlight.types import FloatArray

WHOLE, UNKNOWN = "dvm", "dvm_transition"
EVERY = {"full": 1, "every 20": 20, "every 40": 40, "one": 0}
UNDOUBTED = "one, by propagation alone"  # all others are doubted by the live network, as the studio's are
AUTOMATIC = 2  # frames that get automatic trimaps where not all do
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Exam:
    """A folder of clips, weights of propagation (or none) and of matting, the first being the main ones.

    clips: beginnings of the names of clips that take part; empty for all. frames: of each clip at most.
    """

    folder: Path
    matting: tuple[Path, ...]
    propagation: Path | None = None
    clips: tuple[str, ...] = ()
    frames: int | None = None
    threads: int = 2


def measure(exam: Exam, say: Say) -> Record:
    """Matte every clip in every way that there are weights for; raises SourceError, WeightsError."""
    machine = describe_machine()
    candidates = [candidate_of(path) for path in exam.matting]
    propagator, trained = _propagator(exam.propagation)
    clips = [clip for clip in find_clips(exam.folder) if clip.name.startswith(exam.clips or "")]
    if not clips:
        raise SourceError(f"expected clips that begin with {', '.join(exam.clips)} in {exam.folder}, found none")
    live, found = Ours(), {}
    for size, same in groupby(clips, key=lambda clip: clip.size):
        live.open(size, exam.threads)
        for clip in same:
            say(clip.name)
            film = mattes.film_of(clip, exam.frames)
            found[clip.name] = {
                "size": str(size),
                "frames": len(film.frames),
                **_clip(film, live, candidates, propagator),
            }
    live.close()
    from rimlight.studio.opening import words_of

    notes = [{"name": one.name, "trained": one.trained, "config": one.config} for one in candidates]
    settings = {
        "folder": exam.folder.name, "matting": notes, "propagation": trained, "live": live.device,
        "studio": words_of(), "clips": list(exam.clips), "frames": exam.frames, "automatic": AUTOMATIC,
    }  # fmt: skip
    return new_record("studio", settings, {"means": means(found), "clips": found}, machine)


def means(clips: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Mean over the clips of a size, by size and row: scores, and what trimaps were worth."""
    sizes: dict[str, list[Mapping[str, Any]]] = {}
    for clip in clips.values():
        sizes.setdefault(clip["size"], []).append(clip)
    return {size: _mean_rows(group) for size, group in sizes.items()}


def _mean_rows(clips: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows = {name: mean_scores(clip["rows"][name] for clip in clips) for name in clips[0]["rows"]}
    names = clips[0]["trimaps"]
    trimaps = {
        name: {part: sum(clip["trimaps"][name][part] for clip in clips) / len(clips) for part in names[name]}
        for name in names
    }
    return {"clips": len(clips), "frames": sum(clip["frames"] for clip in clips), "rows": rows, "trimaps": trimaps}


def _propagator(path: Path | None) -> tuple[Propagator | None, str]:
    if path is None:
        return None, "not trained"
    from rimlight.model.studio.weights import load_propagation
    from rimlight.studio.opening import propagator_on

    network = load_propagation(path)
    return propagator_on(network), trained_of(path)


def _clip(film: Film, live: Ours, candidates: Sequence[Candidate], propagator: Propagator | None) -> dict[str, Any]:
    """Scores of all rows for one clip, and of the trimaps that they used."""
    by_live = mattes.live_mattes(film, live)
    main = candidates[0]
    trimaps = _trimaps(film, by_live, propagator)
    made = {id(drawn): mattes.studio_mattes(film, drawn, main.matter) for drawn in _distinct(trimaps.values())}
    rows: dict[str, Mattes] = {LIVE: by_live}
    rows |= {f"{main.name}, {name}": made[id(drawn)] for name, drawn in trimaps.items()}
    for other in candidates[1:]:
        rows[f"{other.name}, full"] = mattes.studio_mattes(film, trimaps["full"], other.matter)
    scorer = _Scorer(film)
    return {
        "rows": {name: scorer.scores(found) for name, found in rows.items()},
        "trimaps": {name: mattes.agreement(film, drawn) for name, drawn in trimaps.items()},
    }


def _trimaps(film: Film, by_live: Mattes, propagator: Propagator | None) -> dict[str, Trimaps]:
    """Trimaps by their origin; those that are carried only where there is somebody to carry them."""
    automatic = mattes.automatic(by_live)
    found = {"full": list(film.trimaps), "automatic, full": automatic}
    if propagator is not None:
        both: dict[tuple[int, ...], tuple[Trimaps, Trimaps]] = {}  # carried, and doubted as well, by the marked frames
        for name, every in EVERY.items():
            marked = mattes.marked_every(film, every)
            if every != 1 and marked not in both:  # in a short clip every 40 is one
                carried = mattes.propagated(film, marked, film.trimaps, propagator)
                both[marked] = carried, mattes.doubted_by(carried, marked, by_live)
            found.setdefault(name, both[marked][1] if every != 1 else found["full"])
        found[UNDOUBTED] = both[mattes.marked_every(film, EVERY["one"])][0]
        spread = sorted({int((part + 0.5) * len(film.frames) / AUTOMATIC) for part in range(AUTOMATIC)})
        carried = mattes.propagated(film, spread, automatic, propagator)
        found[f"automatic, {AUTOMATIC} frames"] = mattes.doubted_by(carried, spread, by_live)
    return found


def _distinct(trimaps: Iterable[Trimaps]) -> list[Trimaps]:
    """Each list once, though it may stand under several names."""
    return list({id(drawn): drawn for drawn in trimaps}.values())


class _Scorer:
    """Scores of mattes of one film; its motion is found once."""

    def __init__(self, film: Film) -> None:
        self._film = film
        images = [frame.image for frame in film.frames]
        self._motion: list[FloatArray | None] = [None, *(motion_vectors(*pair) for pair in pairwise(images))]

    def scores(self, found: Mattes) -> Scores:
        """By convention and measure: over the whole frame, and where the exact trimap is unknown."""
        scorer = ClipScores(self._film.clip.size, (WHOLE, UNKNOWN))
        whole = zip(found, self._film.frames, self._film.trimaps, self._motion, strict=True)
        for alpha, frame, trimap, motion in whole:
            scorer.add(alpha, frame.alpha, motion, unknown=trimap == 128)
        return scorer.scores()
