"""Large pictures are seen small first: what the network is sure of then is known, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import cv2
import numpy as np
import pytest

from rimlight.studio import matte
from rimlight.studio.marks import held
from rimlight.studio.matte import Film, Mattes
from rimlight.studio.narrowing import LARGE, WIDENED, Narrowing, narrowing_of
from rimlight.studio.networks import Networks
from rimlight.studio.trimaps import UNKNOWN
from rimlight.studio.window import Marked
from rimlight.types import FloatArray, Size

from .films import film_of, picture, true_trimap, write_film
from .standin import BoxMatter, ColourPropagator

HEIGHT, WIDTH = 360, 720
FRAMES, CUT = 16, 9


class BrightMatter(BoxMatter):
    """Takes what is bright for a person, never quite."""

    def look(self, image: FloatArray, trimap: FloatArray) -> Any:  # noqa: ARG002
        self.looks += 1
        return np.clip(8 * (image.mean(0) - 0.4), 0.01, 0.99)


NETWORKS = Networks(ColourPropagator(), BrightMatter(), "standin", "nowhere")


def shown(number: int, band: int) -> Marked:
    return Marked(picture(number, HEIGHT, WIDTH), true_trimap(number, HEIGHT, WIDTH, band))


def narrowed(band: int) -> Marked:
    return Narrowing(BrightMatter(), Size(HEIGHT, WIDTH)).marked(0, [0] * 5, lambda number: shown(number, band))


def test_a_wide_unknown_region_shrinks_to_the_edge() -> None:
    wide, found, edge = shown(0, 40), narrowed(40), shown(0, 0)
    unknown = found.trimap == UNKNOWN
    assert 0 < unknown.sum() < (wide.trimap == UNKNOWN).sum() / 4
    reach = np.ones((41, 41), np.uint8)
    near = cv2.dilate(cv2.morphologyEx(edge.trimap, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), reach) > 0
    assert near[unknown].all()
    assert (found.trimap[~unknown] == edge.trimap[~unknown]).all()
    assert np.array_equal(found.image, wide.image)


def test_what_was_known_stays() -> None:
    before, found = shown(0, 40).trimap, narrowed(40).trimap
    known = before != UNKNOWN
    assert np.array_equal(found[known], before[known])
    assert WIDENED * WIDTH > 2  # or a band might be lost between the pixels of the small picture


def test_small_pictures_are_left_alone() -> None:
    assert narrowing_of(BoxMatter(), Size(360, LARGE)) is None
    assert narrowing_of(BoxMatter(), Size(LARGE, 360)) is None
    found = narrowing_of(BoxMatter(), Size(360, LARGE + 2))
    assert found is not None
    assert found.small == Size(288, 512)


WIDE = held(Size(96, 704), {number: true_trimap(number, 96, 704, 15) for number in (0, CUT)})


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    path = tmp_path_factory.mktemp("film") / "in.mp4"
    return film_of(write_film(path, FRAMES, height=96, width=704, cuts=(CUT,)))


def alphas(film: Film, numbers: Sequence[int]) -> tuple[list[FloatArray], int]:
    """Of some frames, and how many were decoded for them."""
    with closing(Mattes(film, NETWORKS, WIDE)) as mattes:
        return [mattes.matte(number)[1] for number in numbers], mattes.decoded


def test_every_frame_of_a_large_film_is_decoded_once(film: Film) -> None:
    found, decoded = alphas(film, range(FRAMES))
    assert decoded == FRAMES
    assert all(0 < alpha.mean() < 1 for alpha in found)


def test_a_large_film_is_matted_alike_from_wherever_it_is_taken_up(film: Film) -> None:
    whole, _ = alphas(film, range(FRAMES))
    for begin in (1, 5, CUT - 1, CUT, 12):
        part, _ = alphas(film, range(begin, FRAMES))
        assert all(np.array_equal(one, other) for one, other in zip(part, whole[begin:], strict=True))
    back, _ = alphas(film, range(FRAMES - 1, -1, -1))
    assert all(np.array_equal(one, other) for one, other in zip(back, whole[::-1], strict=True))


def test_no_more_is_held_than_the_windows_need(film: Film) -> None:
    with closing(Mattes(film, NETWORKS, WIDE)) as mattes:
        for number in range(FRAMES):
            mattes.matte(number)
            assert len(mattes._shown) <= 7
            assert len(mattes._ahead) <= 2


def test_a_large_film_is_narrowed(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,), _ = alphas(film, [0])
    monkeypatch.setattr(matte, "narrowing_of", lambda *_: None)
    (plain,), _ = alphas(film, [0])
    assert ((whole > 0) & (whole < 1)).sum() < ((plain > 0) & (plain < 1)).sum() / 2
