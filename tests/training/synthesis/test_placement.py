"""Over many draws: cuts stay cuts, heads are in frame, and nothing is ever beyond a backdrop's border."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pytest

from rimlight.training.synthesis import motion, placement, warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.outline import Outline, outline
from rimlight.training.synthesis.plan import Motion, Placing, Speeds
from rimlight.training.synthesis.warp import Maps

from .made import HEIGHT, POSES, WIDTH, Pose, figure

PICTURE = (4 * HEIGHT, 4 * WIDTH)
FRAMES = ((288, 512), (384, 384), (320, 180))
MANY = range(40)
FAST = Motion(people=Speeds(0.05, 2.0, 0.03, 0.01), periods=(8.0, 40.0))


@lru_cache
def person(pose: Pose) -> Outline:
    found = outline(figure(pose, *PICTURE))
    assert found is not None
    return found


def placed(pose: Pose, frame: tuple[int, int], moves: Motion, placing: Placing) -> Iterator[Maps]:
    for seed in MANY:
        moving = motion.movement(Dice(seed, "moving"), 7, moves.people, moves, frame)
        maps = placement.place(Dice(seed), person(pose), PICTURE, frame, moving, placing)
        assert maps is not None
        yield maps


@pytest.mark.parametrize("frame", FRAMES, ids=str)
@pytest.mark.parametrize("pose", POSES)
def test_a_cut_person_stays_cut_by_the_frame(pose: Pose, frame: tuple[int, int]) -> None:
    """No pixel at which the picture's border cuts the person is ever in the frame."""
    inside = figure(pose, *PICTURE) >= 128
    y, x = np.indices(PICTURE) + 0.5
    border = np.ones(PICTURE, bool)
    border[1:-1, 1:-1] = False
    points = np.stack([y[inside & border], x[inside & border]], axis=1)[::3]
    if pose != "whole":
        assert len(points)
    placing = Placing(tilt=12.0, head=(0.1, 0.8), headless=0.3)
    for maps in placed(pose, frame, FAST, placing):
        places = warp.moved(maps, points) if len(points) else np.zeros((7, 0, 2))
        seen = (places > 0).all(axis=2) & (places < np.array(frame)).all(axis=2)
        assert not seen.any()


@pytest.mark.parametrize("frame", FRAMES, ids=str)
@pytest.mark.parametrize("pose", POSES)
def test_heads_are_in_the_frame(pose: Pose, frame: tuple[int, int]) -> None:
    """By the plan's defaults nine in ten have their face, the middle of the head, well inside, in every frame."""
    one = person(pose)
    face = (one.head_y + one.head / 2, one.head_x)
    inside = []
    for maps in placed(pose, frame, Motion(), Placing()):
        share = warp.moved(maps, face)[:, 0] / np.array(frame)
        inside.append(bool(((share > 0.02) & (share < 0.98)).all()))
    assert np.mean(inside) >= 0.9


def test_heads_have_the_plans_heights_and_room() -> None:
    one, frame = person("whole"), (288, 512)
    placing = Placing(head=(0.15, 0.4), room=(0.05, 0.2), tilt=0.0, headless=0.0, enlarge=10.0)
    still = np.broadcast_to(np.eye(3), (1, 3, 3))
    heights, rooms = [], []
    for seed in MANY:
        maps = placement.place(Dice(seed), one, PICTURE, frame, still, placing)
        assert maps is not None
        heights.append(one.head * warp.enlargement(maps) / frame[0])
        rooms.append(warp.moved(maps, (one.head_y, one.head_x))[0, 0, 0] / frame[0])
    assert 0.15 <= min(heights) < 0.2
    assert 0.34 < max(heights) <= 0.4
    assert 0.05 <= min(rooms) < max(rooms) <= 0.2 + 1e-9


def test_heads_are_whole_between_the_sides() -> None:
    one, frame = person("whole"), (384, 384)
    still = np.broadcast_to(np.eye(3), (1, 3, 3))
    ears = [(one.head_y + one.head / 2, one.head_x + side * one.head / 2.6) for side in (-1, 1)]
    placing = Placing(head=(0.8, 0.8), tilt=0.0, headless=0.0, enlarge=10.0)
    for seed in MANY:
        maps = placement.place(Dice(seed), one, PICTURE, frame, still, placing)
        assert maps is not None
        places = warp.moved(maps, ears)[0, :, 1]
        assert places.min() >= -1e-6
        assert places.max() <= frame[1] + 1e-6


def test_a_picture_is_not_enlarged_beyond_the_plan_for_its_own_sake() -> None:
    one = outline(figure("whole", HEIGHT, WIDTH))
    still = np.broadcast_to(np.eye(3), (1, 3, 3))
    assert one is not None
    for seed in MANY:
        maps = placement.place(Dice(seed), one, (HEIGHT, WIDTH), (288, 512), still, Placing(enlarge=1.5))
        assert maps is not None
        assert warp.enlargement(maps) <= 1.5 + 1e-9


def test_people_are_mirrored_as_often_as_the_plan_says() -> None:
    for flip in (0.0, 0.5, 1.0):
        all_maps = placed("bust", (288, 512), Motion(), Placing(flip=flip))
        mirrored = np.mean([np.linalg.det(maps[0, :2, :2]) < 0 for maps in all_maps])
        assert abs(mirrored - flip) <= 0.2 * (flip == 0.5)


def test_who_is_cut_at_a_side_far_below_the_head_is_shown_down_to_there_or_fills_the_frame() -> None:
    found = {tuple(sorted(pin.side for pin in placement.pins_of(Dice(seed), person("wide"), PICTURE))) for seed in MANY}
    assert ("bottom",) in found
    assert ("bottom", "left", "right") in found


def test_a_cut_that_no_shift_can_hide_is_told() -> None:
    pins = (placement.Pin("left", ((0.0, 0.0), (9.0, 0.0))), placement.Pin("right", ((0.0, 50.0), (9.0, 50.0))))
    small = np.asarray(warp.stretch([1.0], 1.0))
    assert placement.settled(small, pins, (40, 60)) is None
    large = placement.settled(np.asarray(warp.stretch([1.5], 1.5)), pins, (40, 60))
    assert large is not None
    assert warp.moved(large, (0, 0))[0, 0, 1] <= -2
    assert warp.moved(large, (0, 50))[0, 0, 1] >= 62


def test_movement_that_would_show_a_cut_is_left_out() -> None:
    wild = np.asarray(warp.shift([-4000.0, 0.0, 4000.0], 0.0))
    narrow = Outline(0.0, 720.0, 100.0, 500.0, 200.0, 0.0, 300.0, (("top", (200.0, 400.0)), ("bottom", (100.0, 500.0))))
    maps = placement.place(Dice(1), narrow, (720, 600), (288, 512), wild, Placing())
    assert maps is not None
    assert np.ptp(maps, axis=0).max() == 0


@pytest.mark.parametrize("picture", [(480, 640), (640, 427), (40, 600)], ids=str)
@pytest.mark.parametrize("frame", FRAMES, ids=str)
def test_backdrops_never_show_their_border(picture: tuple[int, int], frame: tuple[int, int]) -> None:
    corners = [(y, x) for y in (0, frame[0]) for x in (0, frame[1])]
    for seed in MANY:
        moving = motion.movement(Dice(seed, "moving"), 9, FAST.people, FAST, frame)
        maps = placement.cover(Dice(seed), picture, frame, moving, Placing(lean=8.0))
        seen = warp.moved(warp.inverse(maps), corners)
        assert seen.min() >= 1 - 1e-6
        assert (seen <= np.array(picture) - 1 + 1e-6).all()


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_scenes_show_a_head_that_is_far_aside(flip: float) -> None:
    aside = Outline(10.0, 280.0, 0.0, 90.0, 60.0, 10.0, 40.0)
    still = np.broadcast_to(np.eye(3), (1, 3, 3))
    placing = Placing(headless=0.0, enlarge=9.0, zoom=(3.0, 3.0), lean=0.0, flip=flip)
    for seed in MANY:
        maps = placement.cover(Dice(seed), (288, 512), (144, 256), still, placing, aside)
        share = warp.moved(maps, (40, 40))[0, 0] / np.array((144, 256))
        assert share.min() > 0
        assert share.max() < 1


def test_scenes_show_the_head() -> None:
    one, frame = person("whole"), (288, 512)
    still = np.broadcast_to(np.eye(3), (1, 3, 3))
    shares = []
    for seed in MANY:
        maps = placement.cover(Dice(seed), PICTURE, frame, still, Placing(headless=0.0, enlarge=9.0), one)
        shares.append(warp.moved(maps, (one.head_y + one.head / 2, one.head_x))[0, 0] / np.array(frame))
    assert np.min(shares) > 0
    assert np.max(shares) < 1
    assert np.ptp(np.array(shares)[:, 0]) > 0.2
    without = [placement.cover(Dice(seed), PICTURE, frame, still, Placing(headless=1.0), one) for seed in MANY]
    rows = [warp.moved(maps, (one.head_y, one.head_x))[0, 0, 0] for maps in without]
    assert min(rows) < 0
