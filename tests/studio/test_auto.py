"""Automatic trimaps: spread over the film, at least one in every shot, made by the live network."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rimlight.realtime.session import Settings
from rimlight.studio.auto import auto_frames, auto_marks
from rimlight.studio.errors import TrimapError
from rimlight.studio.survey import Survey, survey
from rimlight.studio.trimaps import LEVELS, UNKNOWN
from rimlight.types import Size

from .films import write_film


def film(count: int, *shots: int) -> Survey:
    return Survey(Size(96, 160), Fraction(25), count, (0, *shots))


def test_marks_are_spread_evenly() -> None:
    assert auto_frames(film(120), 1) == [60]
    assert auto_frames(film(120), 2) == [30, 90]
    assert auto_frames(film(3), 3) == [0, 1, 2]


def test_every_shot_has_its_own_and_long_ones_more() -> None:
    assert auto_frames(film(100, 10, 80), 1) == [5, 45, 90]
    frames = auto_frames(film(100, 10, 80), 5)
    assert len(frames) == 5
    assert sum(10 <= frame < 80 for frame in frames) == 3


@pytest.mark.parametrize("wanted", [0, -1, 13])
def test_fewer_than_one_and_more_than_frames_are_refused(wanted: int) -> None:
    with pytest.raises(TrimapError, match=f"1 to 12 automatic trimaps, got {wanted}"):
        auto_frames(film(12), wanted)


def test_trimaps_come_from_the_live_network(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_film(tmp_path / "in.mp4", 24, cuts=(12,))
    looked = survey(path)
    made: list[int] = []
    with caplog.at_level(logging.WARNING):
        marks = auto_marks(path, looked, 1, Settings(backend="fake"), made.append)
    assert list(marks.frames) == made == [6, 18]
    assert "2 shots, so 2 trimaps are made, not 1" in caplog.text
    trimap = marks.trimap(6)
    assert set(np.unique(trimap)) == set(LEVELS)
    assert 0.005 < (trimap == UNKNOWN).mean() < 0.6
