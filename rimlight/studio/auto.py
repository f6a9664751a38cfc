"""Trimaps that nobody draws: the live network's matte of a few frames, its uncertain band widened."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from rimlight.realtime.session import Settings
from rimlight.signature import SLOTS
from rimlight.studio.errors import TrimapError
from rimlight.studio.live import LiveMattes
from rimlight.studio.marks import HeldMarks, held
from rimlight.studio.reel import Reel
from rimlight.studio.survey import Survey
from rimlight.studio.trimaps import BACKDROP, trimap_of_matte
from rimlight.types import Frame, UInt8Array

log = logging.getLogger(__name__)


def auto_frames(survey: Survey, wanted: int) -> list[int]:
    """Frames to mark: at least one in every shot, the rest where the longest stretches without are.

    Raises TrimapError where more are wanted than there are frames, or fewer than one.
    """
    if not 1 <= wanted <= survey.count:
        raise TrimapError(f"expected 1 to {survey.count} automatic trimaps, got {wanted}")
    shots = list(survey.each_shot())
    shares = [1] * len(shots)
    while sum(shares) < wanted:
        emptiest = max(range(len(shots)), key=lambda index: len(shots[index]) / shares[index])
        shares[emptiest] += 1
    return [frame for shot, share in zip(shots, shares, strict=True) for frame in _spread(shot, share)]


def auto_marks(
    path: Path, survey: Survey, wanted: int, settings: Settings, made: Callable[[int], None] = lambda _: None
) -> HeldMarks:
    """Trimaps of so many frames of a video; made is called with each frame's number."""
    frames = auto_frames(survey, wanted)
    if len(frames) > wanted:
        log.warning("the video has %d shots, so %d trimaps are made, not %d", len(survey.shots), len(frames), wanted)
    trimaps = {}
    with Reel(path, survey.count, kept=SLOTS + 1) as reel, closing(LiveMattes(settings, survey, reel)) as live:
        for number in frames:
            trimaps[number] = auto_trimap(live, number, reel.frame(number))
            made(number)
    return held(survey.size, trimaps)


def auto_trimap(live: LiveMattes, number: int, frame: Frame) -> UInt8Array:
    """(H, W) trimap of a frame by the live network."""
    trimap = trimap_of_matte(live.alpha(number, frame))
    if (trimap == BACKDROP).all():
        log.warning("the live network sees nobody in frame %d; draw its trimap if there is somebody", number)
    return trimap


def _spread(shot: range, share: int) -> list[int]:
    """The middles of so many even parts of a shot."""
    return [shot.start + int((part + 0.5) * len(shot) / share) for part in range(share)]
