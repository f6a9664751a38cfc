"""Mattes of a clip with the truth by the studio's networks and by the live one, with trimaps of several origins.

Letters: T frames, H, W size of the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from rimlight.benchmarks.ours import Ours
from rimlight.benchmarks.testset import TrueClip, TrueFrame
from rimlight.metrics import true_trimap
from rimlight.pixels import Shrinker
from rimlight.signature import internal_size
from rimlight.studio.doubt import corrected, doubted
from rimlight.studio.narrowing import narrowing_of
from rimlight.studio.networks import Matter, Propagator
from rimlight.studio.propagate import LONG_SIDE
from rimlight.studio.tiles import tiling_of
from rimlight.studio.trimaps import one_hot, shrink_trimap, trimap_of_classes, trimap_of_matte
from rimlight.studio.window import Marked, Window
from rimlight.types import FloatArray, Frame, UInt8Array

Mattes = list[FloatArray]
Trimaps = list[UInt8Array]


@dataclass(frozen=True, slots=True)
class Film:
    """A clip in memory: its frames with the truth, and the trimaps that an exact hand would draw."""

    clip: TrueClip
    frames: tuple[TrueFrame, ...]
    trimaps: tuple[UInt8Array, ...]


def film_of(clip: TrueClip, most: int | None = None) -> Film:
    """The frames of a clip, read, at most so many; raises SourceError that names the first bad file."""
    frames = tuple(islice(clip.frames(), most))
    return Film(clip, frames, tuple(true_trimap(frame.alpha) for frame in frames))


def live_mattes(film: Film, live: Ours) -> Mattes:
    """By the live network, opened for the clip's size, frame after frame."""
    live.reset()
    return [live.matte(frame.image)[0] for frame in film.frames]


def studio_mattes(film: Film, trimaps: Sequence[UInt8Array], matter: Matter) -> Mattes:
    """By the matting network, in a window that slides over the clip as in `rimlight studio matte`."""
    window, narrowing = Window(matter, tiling_of(film.clip.size)), narrowing_of(matter, film.clip.size)
    count = len(film.frames)

    def given(number: int) -> Marked:
        return Marked(film.frames[number].image, trimaps[number])

    def show(number: int) -> Marked:
        if narrowing is None:
            return given(number)
        return narrowing.marked(number, matter.window(number, count), given)

    return [window.alpha(frame, matter.window(frame, count), show) for frame in range(count)]


def marked_every(film: Film, every: int) -> tuple[int, ...]:
    """Numbers of the marked frames: every so many from the first on; only the first for 0."""
    return tuple(range(0, len(film.frames), every)) if every else (0,)


def propagated(film: Film, marked: Sequence[int], drawn: Sequence[UInt8Array], propagator: Propagator) -> Trimaps:
    """Trimaps of all frames: drawn ones where they are marked, else carried from the nearest marked frame in time.

    drawn: trimaps by the frame's number, of which those of marked frames are looked at. Nobody doubts them.
    """
    size = film.clip.size
    small = internal_size(size, LONG_SIDE)
    shrink = Shrinker(size, small)

    def reduced(number: int) -> FloatArray:
        return shrink(Frame(film.frames[number].image, 0.0, 0.0, False).pixels).copy()

    references = {
        number: propagator.remember(reduced(number), one_hot(shrink_trimap(drawn[number], small))) for number in marked
    }
    found = []
    for number in range(len(film.frames)):
        nearest = _nearest(marked, number)
        if nearest == number:
            found.append(drawn[number])
        else:
            found.append(trimap_of_classes(propagator.classes(reduced(number), references[nearest]), size))
    return found


def doubted_by(carried: Trimaps, marked: Sequence[int], by_live: Mattes) -> Trimaps:
    """Carried trimaps as the studio's are: unknown where the live network's mattes contradict them."""
    holds = {number: corrected(carried[number], by_live[number]) for number in marked}
    return [
        trimap if number in holds else doubted(trimap, by_live[number], holds[_nearest(marked, number)])
        for number, trimap in enumerate(carried)
    ]


def _nearest(marked: Sequence[int], number: int) -> int:
    return min(marked, key=lambda other: (abs(other - number), other))


def automatic(mattes: Sequence[FloatArray]) -> Trimaps:
    """Trimaps out of the live network's mattes: their uncertain bands, widened."""
    return [trimap_of_matte(matte) for matte in mattes]


def agreement(film: Film, trimaps: Sequence[UInt8Array]) -> dict[str, float]:
    """How far trimaps can be trusted, over all pixels of the clip.

    contradicted: share whose known class the truth contradicts by more than .1; unknown: share that is left unknown.
    """
    contradicted, unknown = [], []
    for frame, trimap in zip(film.frames, trimaps, strict=True):
        wrong = ((trimap == 0) & (frame.alpha > 0.1)) | ((trimap == 255) & (frame.alpha < 0.9))
        contradicted.append(float(wrong.mean()))
        unknown.append(float((trimap == 128).mean()))
    return {"contradicted": float(np.mean(contradicted)), "unknown": float(np.mean(unknown))}
