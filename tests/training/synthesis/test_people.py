"""Layers of people: exact where they end, without fringes, one or two."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rimlight.training.synthesis import people, warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.outline import outline
from rimlight.training.synthesis.people import Layer
from rimlight.training.synthesis.plan import Motion, Plan, Scenes
from rimlight.training.synthesis.pool import Entry, Pool

from .made import SHIRT, SKIN, figure, only

PLAN = Plan((48, 64), 2, 3)
STILL = np.broadcast_to(np.eye(3), (3, 3, 3))


def named(pool: Pool, name: str) -> Entry:
    return next(entry for entry in pool.entries if entry.key == f"made/{name}")


def all_black_outside() -> Entry:
    """A person whose colours end where alpha does, as some data sets have it."""
    alpha = figure("bust", 144, 120)
    colours = np.full((144, 120, 3), 230, np.uint8) * (alpha[:, :, None] > 0)
    image = torch.from_numpy(colours.transpose(2, 0, 1).copy())[None]
    return Entry("black", "person-still", image, torch.from_numpy(alpha)[None, None], image, (outline(alpha),))


@pytest.mark.parametrize("scale", [0.23, 0.5, 0.8, 1.7])
def test_edges_take_no_colour_from_outside(scale: float) -> None:
    maps = np.broadcast_to(warp.turn(7) @ warp.stretch(scale, scale), (2, 3, 3))
    colours, alpha = people.rendered(all_black_outside(), [0], maps, (64, 80))
    known = alpha.expand_as(colours) > 0.02
    assert known.float().mean() > 0.01
    assert (colours[known] - 230 / 255).abs().max() < 0.01


def test_alpha_is_exact_inside_and_outside() -> None:
    maps = np.broadcast_to(warp.turn(7) @ warp.stretch(0.61, 0.61), (2, 3, 3))
    _, alpha = people.rendered(all_black_outside(), [0], maps, (64, 80))
    share = float(((alpha == 0) | (alpha == 1)).float().mean())
    assert share > 0.9
    assert alpha[0, 0, 60, 33] == 1
    assert alpha[0, 0, 0, 79] == 0


def test_snapping_is_only_at_the_ends() -> None:
    values = torch.tensor([0.0, 0.001, 0.01, 0.5, 0.99, 0.999, 1.0, 1.0000001])
    assert people.snapped(values).tolist() == pytest.approx([0, 0, 0.01, 0.5, 0.99, 1, 1, 1], abs=1e-7)


def test_a_clips_own_motion_is_shown(pool: Pool) -> None:
    _, alpha = people.rendered(named(pool, "talker"), [0, 2, 4], STILL, (72, 60))
    centres = (alpha * torch.arange(60)).sum(dim=(1, 2, 3)) / alpha.sum(dim=(1, 2, 3))
    assert centres[0] < centres[1] < centres[2]


def test_the_plan_says_whom(pool: Pool) -> None:
    for clips, borrowed, kind in (
        (0, 0, "person-still"),
        (1, 0, "person-clip"),
        (0, 1, "scene-still"),
        (1, 1, "scene-clip"),
    ):
        drawn = {people.choose(Dice(seed), pool, Scenes(clips=clips, borrowed=borrowed)) for seed in range(30)}
        assert {entry.kind for entry in drawn if entry} == {kind}
        assert len(drawn) == len(pool.of(kind))


def test_what_is_not_there_is_replaced_by_what_is(pool: Pool) -> None:
    part = only(pool, "person-bust")
    chosen = people.choose(Dice(1), part, Scenes(clips=1, borrowed=1))
    assert chosen is not None
    assert chosen.key == "made/person-bust"
    assert people.choose(Dice(1), only(pool, "room"), Scenes()) is None
    assert people.person(Dice(1), only(pool, "room"), PLAN) is None


def test_people_are_mostly_seen(pool: Pool) -> None:
    shares = []
    for seed in range(30):
        layer = people.person(Dice(seed), pool, PLAN)
        assert layer is not None
        assert layer.alpha.shape == (3, 1, 48, 64)
        assert layer.motion.shape == (3, 3, 3)
        shares.append(float(layer.alpha.mean()))
    assert np.mean(np.array(shares) > 0.05) > 0.9
    assert np.mean(np.array(shares) < 0.95) > 0.9


def test_walkers_leave_and_enter_the_frame(pool: Pool) -> None:
    plan = Plan((48, 64), 2, 12, motion=Motion(walk=1.0, walk_speed=(0.06, 0.06)))
    part = only(pool, "person-whole")
    gone = []
    for seed in range(20):
        layer = people.person(Dice(seed), part, plan)
        assert layer is not None
        area = layer.alpha.sum(dim=(1, 2, 3))
        gone.append(float(area.min() / area.max().clamp_min(1)))
    assert min(gone) < 0.2


def test_colours_are_the_persons(pool: Pool) -> None:
    known = torch.tensor([SKIN, SHIRT]) / 255
    layer = people.person(Dice(5), only(pool, "person-bust"), PLAN)
    assert layer is not None
    inside = layer.colours.permute(0, 2, 3, 1)[layer.alpha[:, 0] > 0.3]
    low, high = known.amin(dim=0) - 0.01, known.amax(dim=0) + 0.01
    assert ((inside >= low) & (inside <= high)).all()


def half(left: bool, value: float, opacity: float = 1.0) -> Layer:
    alpha = torch.zeros(1, 1, 4, 8)
    if left:
        alpha[:, :, :, :5] = opacity
    else:
        alpha[:, :, :, 3:] = opacity
    return Layer(torch.full((1, 3, 4, 8), value), alpha, STILL[:1], 1.0)


def test_of_two_the_front_one_covers_the_other() -> None:
    both = people.union(half(True, 0.9), half(False, 0.2))
    assert (both.alpha == 1).all()
    assert both.colours[0, 0, 0].tolist() == pytest.approx([0.9] * 5 + [0.2] * 3)


def test_two_over_a_backdrop_are_one_after_the_other() -> None:
    front, back, behind = half(True, 0.9, 0.7), half(False, 0.2, 0.4), 0.5
    both = people.union(front, back)
    at_once = both.alpha * both.colours + (1 - both.alpha) * behind
    first = back.alpha * back.colours + (1 - back.alpha) * behind
    assert torch.allclose(at_once, front.alpha * front.colours + (1 - front.alpha) * first, atol=1e-6)
    assert both.alpha.max() == pytest.approx(1 - 0.3 * 0.6)


def test_two_people_stand_beside_each_other(pool: Pool) -> None:
    part = only(pool, "person-whole")
    for seed in range(15):
        split = Dice(seed).between(0.3, 0.7)
        left = people.person(Dice(seed).of("left"), part, PLAN, (0.1, split))
        right = people.person(Dice(seed).of("right"), part, PLAN, (split, 0.9))
        both = people.two(Dice(seed), part, PLAN)
        assert left is not None
        assert right is not None
        assert both is not None
        assert (both.alpha >= torch.maximum(left.alpha, right.alpha) - 1e-6).all()
        assert both.head == max(left.head, right.head)
        front = left if left.head >= right.head else right
        covered = (front.alpha == 1).expand_as(both.colours)
        assert torch.equal(both.colours[covered], front.colours[covered])
