"""Draws depend on names alone, and fall where they are told to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rimlight.training.synthesis.dice import Dice


def test_the_same_names_draw_the_same_and_others_do_not() -> None:
    one, same, other = (Dice(*names) for names in ((1, "clip", 2), (1, "clip", 2), (1, "clip", 3)))
    first = [one.unit() for _ in range(200)]
    assert first == [same.unit() for _ in range(200)]
    assert not set(first) & {other.unit() for _ in range(200)}


def test_draws_are_the_same_on_any_machine() -> None:
    assert Dice(0, 0, 0, "clip", 0).seed == 7837732814228151675
    assert Dice(0, 0, 0, "clip", 0).unit() == pytest.approx(0.545843, abs=1e-6)


def test_a_part_draws_apart_from_the_whole() -> None:
    whole, again = Dice(5), Dice(5)
    whole.of("part").unit()
    assert whole.unit() == again.unit()
    assert Dice(5).of("part").unit() == Dice(5, "part").unit()


def test_names_do_not_run_into_each_other() -> None:
    assert Dice(1, 23).unit() != Dice(12, 3).unit()
    assert Dice("1").unit() != Dice(1).unit()


def test_a_share_of_0_never_comes_and_of_1_always() -> None:
    dice = Dice(3)
    assert not any(dice.chance(0.0) for _ in range(500))
    assert all(dice.chance(1.0) for _ in range(500))
    assert 130 < sum(dice.chance(0.3) for _ in range(500)) < 170


def test_ranges_hold_and_are_filled() -> None:
    dice = Dice(4)
    for draw, low, high in (
        (lambda: dice.between(2, 5), 2, 5),
        (lambda: dice.magnitude(0.01, 100), 0.01, 100),
        (lambda: dice.magnitude(0, 3), 0, 3),
        (lambda: dice.either_way(4), -4, 4),
    ):
        values = np.array([draw() for _ in range(800)])
        assert low <= values.min() < low + 0.15 * (high - low)
        assert high - 0.15 * (high - low) < values.max() <= high


def test_magnitudes_are_as_often_below_their_geometric_middle_as_above() -> None:
    dice = Dice(6)
    assert np.median([dice.magnitude(0.01, 100) for _ in range(2000)]) == pytest.approx(1, rel=0.3)


def test_every_choice_is_made() -> None:
    dice = Dice(7)
    assert {dice.one("abc") for _ in range(100)} == set("abc")
    assert {dice.index(3) for _ in range(100)} == {0, 1, 2}
    assert {dice.sign() for _ in range(100)} == {-1.0, 1.0}


def test_grain_is_normal_and_the_same_every_time() -> None:
    grain = Dice(8).grain((2, 3, 50, 50), torch.device("cpu"))
    assert torch.equal(grain, Dice(8).grain((2, 3, 50, 50), torch.device("cpu")))
    assert grain.mean().abs() < 0.03
    assert grain.std() == pytest.approx(1, abs=0.03)
    assert not torch.equal(grain, Dice(9).grain((2, 3, 50, 50), torch.device("cpu")))


def test_the_callers_random_numbers_stay_as_they_were() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    Dice(1).unit()
    Dice(1).grain((4,), torch.device("cpu"))
    assert torch.equal(torch.rand(3), expected)
