"""Heads, boxes and cuts are found where they were drawn."""

from __future__ import annotations

import numpy as np
import pytest

from rimlight.training.synthesis.outline import joined, outline, without_specks

from .made import HEIGHT, WIDTH, figure


def test_nobody_has_no_outline() -> None:
    assert outline(np.zeros((20, 30), np.uint8)) is None


def test_the_head_is_found_on_a_body() -> None:
    found = outline(figure("bust"))
    assert found is not None
    assert found.head_x == pytest.approx(WIDTH / 2, abs=1.5)
    assert found.head_y == pytest.approx(0.1 * HEIGHT, abs=2)
    assert found.head == pytest.approx(2.6 * 0.16 * HEIGHT, rel=0.3)


def test_a_single_hair_above_is_not_the_head() -> None:
    alpha = figure("bust")
    alpha[:8, WIDTH // 2] = 255
    found, plain = outline(alpha), outline(figure("bust"))
    assert found is not None
    assert plain is not None
    assert found.top == 0
    assert found.head == pytest.approx(plain.head, abs=2)


def test_the_cuts_are_those_of_the_borders_that_were_drawn() -> None:
    found = {pose: outline(figure(pose)) for pose in ("bust", "whole", "left", "wide")}
    sides = {pose: {side for side, _ in one.cuts} for pose, one in found.items() if one}
    assert sides == {
        "bust": {"bottom"},
        "whole": set(),
        "left": {"left", "bottom"},
        "wide": {"left", "right", "bottom"},
    }
    left = found["left"]
    assert left is not None
    assert left.cut("right") is None
    span = left.cut("left")
    assert span is not None
    rows = np.flatnonzero(figure("left")[:, :2].max(axis=1) >= 128)
    assert span == (rows[0], rows[-1] + 1)


def test_a_clips_outline_holds_all_its_frames() -> None:
    first, last = outline(figure("bust", aside=-20)), outline(figure("bust", aside=12))
    both = joined([first, None, last])
    assert first is not None
    assert last is not None
    assert both is not None
    assert both.left == first.left
    assert both.right == last.right
    assert both.head_x == pytest.approx((first.head_x + last.head_x) / 2)
    assert both.cut("left") == first.cut("left")
    assert both.cut("right") == last.cut("right")
    assert first.cut("right") is None
    assert joined([None, None]) is None


def test_specks_go_and_hands_stay() -> None:
    alpha = np.zeros((100, 100), np.uint8)
    alpha[20:80, 20:80] = 255
    alpha[5:13, 5:13] = 255  # a hand: 64 of 3600 pixels
    kept = without_specks(alpha)
    assert (kept == alpha).all()
    alpha[90:93, 90:93] = 255
    alpha[2, 90] = 9
    assert (without_specks(alpha) == kept).all()


def test_soft_hair_that_hangs_on_the_head_is_no_speck() -> None:
    alpha = figure("bust")
    assert (without_specks(alpha) == alpha).all()
    alpha[3, 3] = 100
    assert (without_specks(alpha) == figure("bust")).all()
    assert without_specks(np.zeros((4, 4), np.uint8)).sum() == 0
