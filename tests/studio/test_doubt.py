"""What the live network contradicts is unknown, but not where the mark itself has put it right."""

from __future__ import annotations

import numpy as np
import pytest

from rimlight.studio.doubt import corrected, doubted
from rimlight.types import FloatArray, UInt8Array

HEIGHT, WIDTH = 100, 200


def picture(level: float, *spots: tuple[slice, slice, float]) -> FloatArray:
    """(H, W) of a level, with rectangles of others."""
    image = np.full((HEIGHT, WIDTH), level, np.float32)
    for rows, columns, other in spots:
        image[rows, columns] = other
    return image


def trimap(level: int, *spots: tuple[slice, slice, float]) -> UInt8Array:
    return picture(level, *spots).astype(np.uint8)


PERSON = slice(20, 90), slice(20, 80)
HAND = slice(40, 50), slice(100, 110)
CHAIR = slice(60, 90), slice(150, 170)
NOWHERE = np.zeros((HEIGHT, WIDTH), bool)


def test_a_hand_that_was_not_carried_is_unknown_and_all_else_as_it_was() -> None:
    carried = trimap(0, (*PERSON, 255))
    found = doubted(carried, picture(0, (*PERSON, 1), (*HAND, 0.9)), NOWHERE)
    assert (found[HAND] == 128).all()
    found[HAND] = 0
    assert np.array_equal(found, carried)


@pytest.mark.parametrize(("alpha", "level"), [(0.05, 0), (0.2, 128), (0.8, 128), (0.95, 255)])
def test_only_what_is_known_is_doubted(alpha: float, level: int) -> None:
    for was in (0, 128, 255):
        found = doubted(trimap(was), picture(alpha), NOWHERE)
        expected = was if was in (level, 128) else 128
        assert (found == expected).all()


def test_a_chair_that_the_mark_took_away_stays_away_when_it_moves_a_little() -> None:
    mark = trimap(0, (*PERSON, 255))
    holds = corrected(mark, picture(0, (*PERSON, 1), (*CHAIR, 1)))
    assert holds[CHAIR].all()
    assert holds[75, 150 - 6]
    assert not holds[75, 150 - 7]  # 0.03 of 200 pixels
    assert not holds[PERSON].any()
    moved = picture(0, (*PERSON, 1), (CHAIR[0], slice(153, 173), 1), (*HAND, 1))
    found = doubted(mark, moved, holds)
    assert (found[CHAIR[0], 150:173] == 0).all()
    assert (found[HAND] == 128).all()


def test_who_agrees_with_the_mark_corrects_nothing() -> None:
    mark = trimap(0, (*PERSON, 255), (*HAND, 128))
    assert not corrected(mark, picture(0, (*PERSON, 1), (*HAND, 0.3))).any()


def test_a_network_that_misses_most_of_what_is_marked_has_no_say() -> None:
    dog = trimap(0, (*PERSON, 255))
    half = PERSON[0], slice(20, 51)
    assert corrected(dog, picture(0)).all()
    assert corrected(dog, picture(0, (*PERSON, 1), (*half, 0))).all()
    assert not corrected(dog, picture(0, (*PERSON, 1), (half[0], slice(20, 50), 0))).all()
