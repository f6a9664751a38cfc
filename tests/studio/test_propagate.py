"""Propagation: the nearest mark is the reference, which is looked at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rimlight.studio.marks import HeldMarks
from rimlight.studio.matte import Film
from rimlight.studio.propagate import Propagation
from rimlight.studio.reel import Reel
from rimlight.studio.survey import survey
from rimlight.studio.trimaps import encode_trimap

from .films import centre, true_trimap, write_film
from .runs import marks_of
from .standin import ColourPropagator


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "in.mp4", 30)


def test_a_trimap_follows_the_person_at_any_internal_size(path: Path) -> None:
    looked = survey(path)
    marks = marks_of(Film(path, looked, ""), 0)
    for long_side in (64, 160, 512):
        propagator = ColourPropagator()
        with Reel(path, 30) as reel, Reel(path, 30) as marked:
            propagation = Propagation(propagator, marks, looked, marked, long_side)
            for number in (0, 7, 29):
                trimap = propagation.trimap(number, reel.frame(number))
                x, y = centre(number, 96, 160)
                assert trimap.shape == (96, 160)
                assert trimap[y, x] == 255
                assert trimap[2, 2] == 0
        assert propagator.remembered == 1


def test_a_frame_s_trimap_does_not_depend_on_what_was_asked_before(path: Path) -> None:
    looked = survey(path)
    marks = marks_of(Film(path, looked, ""), 0, 20)
    with Reel(path, 30) as reel, Reel(path, 30) as marked:

        def fresh() -> Propagation:
            return Propagation(ColourPropagator(), marks, looked, marked)

        running = fresh()
        for number in range(30):
            one = running.trimap(number, reel.frame(number))
            if number % 7 == 3:
                assert np.array_equal(one, fresh().trimap(number, reel.frame(number)))


def test_a_marked_frame_has_its_own_trimap(path: Path) -> None:
    looked = survey(path)
    odd = true_trimap(20, 96, 160)
    marks = HeldMarks(looked.size, {5: encode_trimap(odd)})
    with Reel(path, 30) as reel:
        propagation = Propagation(ColourPropagator(), marks, looked, reel)
        assert np.array_equal(propagation.trimap(5, reel.frame(5)), odd)
