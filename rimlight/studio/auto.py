"""Trimaps that nobody draws: the live network's matte of a few frames, its uncertain band widened."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from rimlight.realtime.session import Session, Settings
from rimlight.signature import SLOTS
from rimlight.studio.errors import TrimapError
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
    with Reel(path, survey.count, kept=SLOTS + 1) as reel, Session(settings) as session:
        for frame in frames:
            trimaps[frame] = auto_trimap(reel, survey, frame, session)
            made(frame)
    return held(survey.size, trimaps)


def auto_trimap(reel: Reel, survey: Survey, number: int, session: Session) -> UInt8Array:
    """(H, W) trimap of a frame by the live network, which sees the two frames before it too, as far as its shot has."""
    first = max(survey.shot(number).start, number - SLOTS)
    for near in range(first, number + 1):
        frame = reel.frame(near)
        matte = session.matte(Frame(frame.pixels, frame.pts_s, frame.captured_s, cut=near == first))
    trimap = trimap_of_matte(matte.alpha)
    if (trimap == BACKDROP).all():
        log.warning("the live network sees nobody in frame %d; draw its trimap if there is somebody", number)
    return trimap


def _spread(shot: range, share: int) -> list[int]:
    """The middles of so many even parts of a shot."""
    return [shot.start + int((part + 0.5) * len(shot) / share) for part in range(share)]
