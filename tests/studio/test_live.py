"""Mattes by the live network for the studio: the same in every order, and no more steps than they need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from rimlight.errors import BackendError
from rimlight.realtime.session import Matte, Session, Settings
from rimlight.studio import doubt
from rimlight.studio import live as lives
from rimlight.studio import matte as mattes
from rimlight.studio.edit import desk as desks
from rimlight.studio.edit.desk import Desk
from rimlight.studio.edit.run import open_project
from rimlight.studio.live import LiveMattes
from rimlight.studio.matte import Mattes
from rimlight.studio.propagate import Propagation
from rimlight.studio.reel import Reel
from rimlight.studio.strokes import base_of
from rimlight.studio.survey import Survey, survey
from rimlight.studio.trimaps import BACKDROP, FOREGROUND, UNKNOWN, decode_trimap
from rimlight.types import FloatArray, Frame

from .films import film_of, true_trimap, write_film
from .runs import marks_of
from .standin import ColourPropagator, networks

COUNT, CUT = 14, 8
ONNX = Settings(backend="onnx", long_side=128, threads=1)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "in.mp4", COUNT, cuts=(CUT,))


@pytest.fixture(scope="module")
def looked(path: Path) -> Survey:
    return survey(path)


@pytest.fixture
def reel(path: Path) -> Iterator[Reel]:
    with Reel(path, COUNT) as reel:
        yield reel


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each frame that a session was given was a cut."""
    seen: list[bool] = []
    whole = Session.matte

    def counting(session: Session, frame: Frame) -> Matte:
        seen.append(frame.cut)
        return whole(session, frame)

    monkeypatch.setattr(lives.Session, "matte", counting)
    return seen


def test_alpha_is_the_stream_s_in_any_order(looked: Survey, reel: Reel) -> None:
    with Session(ONNX) as session:
        frames = [reel.frame(number) for number in range(COUNT)]
        expected = [
            session.matte(Frame(frame.pixels, 0.0, 0.0, cut=number in (0, CUT))).alpha
            for number, frame in enumerate(frames)
        ]
    with closing(LiveMattes(ONNX, looked, reel)) as live:
        for number in (*range(COUNT), 5, 1, 0, 13, 9, 8, 7, 8, 3):
            assert np.array_equal(live.alpha(number, frames[number]), expected[number]), number


def test_one_after_the_other_costs_one_step_each(looked: Survey, reel: Reel, steps: list[bool]) -> None:
    with closing(LiveMattes(Settings(backend="fake"), looked, reel)) as live:
        for number in range(COUNT):
            live.alpha(number, reel.frame(number))
            live.alpha(number, reel.frame(number))  # is at hand
        assert steps == [number in (0, CUT) for number in range(COUNT)]
        steps.clear()
        live.alpha(5, reel.frame(5))
        assert steps == [True, False, False]
        steps.clear()
        live.alpha(CUT + 1, reel.frame(CUT + 1))
        assert steps == [True, False]


def test_after_a_step_that_failed_the_next_one_begins_anew(
    looked: Survey, reel: Reel, steps: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(LiveMattes(Settings(backend="fake"), looked, reel)) as live:
        live.alpha(3, reel.frame(3))
        with monkeypatch.context() as patch:
            patch.setattr(lives.Session, "matte", _fails)
            with pytest.raises(BackendError):
                live.alpha(4, reel.frame(4))
        steps.clear()
        live.alpha(4, reel.frame(4))
    assert steps == [True, False, False]


class Everywhere(LiveMattes):
    """Sees people everywhere. asked: about which frames."""

    asked: ClassVar[list[int]] = []

    def alpha(self, number: int, frame: Frame) -> FloatArray:
        self.asked.append(number)
        return np.ones((frame.size.height, frame.size.width), np.float32)


def test_what_is_carried_is_doubted_and_marks_are_not(
    path: Path, looked: Survey, reel: Reel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubt, "CORRECTED", -1.0)  # marks put nothing right
    marks = marks_of(film_of(path), 0, CUT)
    alone = Propagation(ColourPropagator(), marks, looked, reel)
    both = Propagation(ColourPropagator(), marks, looked, reel, live=Everywhere(ONNX, looked, reel))
    for number in range(COUNT):
        one, other = (way.trimap(number, reel.frame(number)) for way in (alone, both))
        expected = one if number in (0, CUT) else np.where(one == BACKDROP, UNKNOWN, one)
        assert np.array_equal(other, expected)


def test_a_whole_film_is_doubted_where_a_live_network_is_given(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mattes, "LiveMattes", Everywhere)
    film = film_of(path)
    for live, asked in ((None, set()), (ONNX, set(range(COUNT)))):
        Everywhere.asked.clear()
        with closing(Mattes(film, networks(), marks_of(film, 0, CUT), live=live)) as made:
            for number in range(COUNT):
                made.matte(number)
        assert set(Everywhere.asked) == asked


def test_the_editor_s_trimaps_are_doubted_too(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desks, "LiveMattes", Everywhere)
    monkeypatch.setattr(doubt, "CORRECTED", -1.0)
    project = open_project(path, tmp_path / "project.json")
    project.add(0, base_of(true_trimap(0, 96, 160), "drawn"))
    with closing(Desk(project, networks(), ONNX, 160)) as desk:
        desk.propagate(3)
        carried = desk.trimap(3)
    assert carried is not None
    assert set(np.unique(decode_trimap(carried, project.survey.size, "carried"))) == {UNKNOWN, FOREGROUND}


def _fails(_session: Session, _frame: Frame) -> Matte:
    raise BackendError("broken for the test; nothing to do")
