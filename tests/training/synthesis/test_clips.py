"""Batches: pure in their names, the same whoever makes them, with exact truth, for any plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rimlight.errors import DataError
from rimlight.training.data.items import Item
from rimlight.training.synthesis import clips
from rimlight.training.synthesis.clips import Batch, make, make_photos
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.plan import Faults, Looks, Motion, Placing, Plan, Scenes, Speeds
from rimlight.training.synthesis.pool import Pool

from .made import only

PLAN = Plan((32, 48), 6, 3, photos=6)
CLEAR = Faults(smear=0, soft=0, noise=0, sharpen=0, rescale=0, squeeze=0)


def tensors(batch: Batch) -> list[torch.Tensor]:
    return [getattr(batch, one.name) for one in fields(Batch)]


def same(one: Batch, two: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(tensors(one), tensors(two), strict=True))


def test_a_step_is_the_same_every_time_to_the_last_bit(pool: Pool) -> None:
    assert same(make(pool, PLAN, 7, seed=3), make(pool, PLAN, 7, seed=3))
    first, second = (make_photos(pool, PLAN, 7, seed=3) for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_another_pool_of_the_same_items_gives_the_same(pool: Pool, items: Sequence[Item]) -> None:
    assert same(make(pool, PLAN, 2, seed=3), make(Pool(items, threads=3), PLAN, 2, seed=3))


def test_the_callers_random_numbers_play_no_part(pool: Pool) -> None:
    first = make(pool, PLAN, 2, seed=3)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert same(first, make(pool, PLAN, 2, seed=3))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("world", [2, 3, 6])
def test_processes_share_a_step_without_changing_it(pool: Pool, world: int) -> None:
    whole, photos = make(pool, PLAN, 4, seed=1), make_photos(pool, PLAN, 4, seed=1)
    for rank in range(world):
        share = make(pool, PLAN, 4, seed=1, rank=rank, world=world)
        for of_share, of_whole in zip(tensors(share), tensors(whole), strict=True):
            assert torch.equal(of_share, of_whole[rank::world])
        for of_share, of_whole in zip(make_photos(pool, PLAN, 4, 1, rank, world), photos, strict=True):
            assert torch.equal(of_share, of_whole[rank::world])


def test_a_clip_does_not_depend_on_the_size_of_the_batch(pool: Pool) -> None:
    small = make(pool, replace(PLAN, batch=2), 4, seed=1)
    assert torch.equal(small.images, make(pool, PLAN, 4, seed=1).images[:2])


@pytest.mark.parametrize("other", [{"step": 5}, {"seed": 2}, {"stage": 1}], ids=str)
def test_other_steps_seeds_and_stages_differ_in_every_clip(pool: Pool, other: dict[str, int]) -> None:
    usual = {"step": 4, "seed": 1, "stage": 0}
    first, second = make(pool, PLAN, **usual), make(pool, PLAN, **(usual | other))
    assert all(not torch.equal(a, b) for a, b in zip(first.images, second.images, strict=True))
    assert len({float(clip.mean()) for clip in first.images}) == PLAN.batch


def test_images_are_the_truth_composed_before_the_camera(pool: Pool) -> None:
    """Seen by a perfect camera, what alpha F leaves of a picture is the backdrop's share: from 0 to 1 - alpha."""
    batch = make(pool, replace(PLAN, batch=20, faults=CLEAR), 0, seed=5)
    left = batch.images - batch.alpha * batch.foreground
    assert left.min() >= -0.5 / 255 - 1e-6
    assert (left <= (1 - batch.alpha) + 0.5 / 255 + 1e-6).all()
    solid = (batch.alpha == 1).expand_as(left)
    assert solid.float().mean() > 0.05
    assert left[solid].abs().max() <= 0.5 / 255 + 1e-6


def test_alpha_is_exact_inside_and_outside(pool: Pool) -> None:
    batch = make(pool, replace(PLAN, batch=24), 0, seed=2)
    inside, outside = (batch.alpha > 1 - 1 / 512), (batch.alpha < 1 / 512)
    assert inside.float().mean() > 0.08
    assert outside.float().mean() > 0.3
    assert (batch.alpha[inside] == 1).all()
    assert (batch.alpha[outside] == 0).all()
    assert ((batch.alpha > 0) & (batch.alpha < 1)).float().mean() > 0.005


def test_real_marks_natural_scenes(pool: Pool) -> None:
    assert make(pool, replace(PLAN, natural=1.0), 0, seed=1).real.tolist() == [True] * 6
    assert make(pool, replace(PLAN, natural=0.0), 0, seed=1).real.tolist() == [False] * 6
    assert make(pool, PLAN, 0, seed=1).real.dtype == torch.bool


def test_neighbouring_frames_are_alike(pool: Pool) -> None:
    """No cuts: a frame is nearer to its neighbour than to another clip."""
    batch = make(pool, replace(PLAN, batch=20, faults=CLEAR), 3, seed=2)
    within = (batch.images[:, 1:] - batch.images[:, :-1]).abs().mean(dim=(1, 2, 3, 4))
    across = (batch.images[1:] - batch.images[:-1]).abs().mean(dim=(1, 2, 3, 4))
    assert within.max() < across.median()


def test_photos_have_masks_of_0_and_1(pool: Pool) -> None:
    images, masks = make_photos(pool, replace(PLAN, photos=30), 0, seed=1)
    assert images.shape == (30, 3, 32, 48)
    assert masks.shape == (30, 1, 32, 48)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert 0 <= images.min() < images.max() <= 1
    assert 0.05 < masks.mean() < 0.7


def test_photos_without_people_are_the_plans_share(pool: Pool) -> None:
    for share, low, high in ((0.0, 0, 2), (0.4, 5, 20), (1.0, 30, 30)):
        masks = make_photos(pool, replace(PLAN, photos=30, empty_photos=share), 0, seed=1)[1]
        assert low <= int((masks.sum(dim=(1, 2, 3)) == 0).sum()) <= high


def test_photos_come_from_photos_and_scenes(pool: Pool) -> None:
    for name in ("photo", "scene", "call"):
        masks = make_photos(only(pool, name), PLAN, 0, seed=1)[1]
        assert masks.mean() > 0.05
    with pytest.raises(DataError, match=r"photos with masks or scenes with people, got none; .*plan.photos=0"):
        make_photos(only(pool, "room", "person"), PLAN, 0, seed=1)


def test_what_the_pool_lacks_is_said(pool: Pool) -> None:
    for name, counts in (("room", "0 people and 3 backdrops"), ("person", "4 people and 0 backdrops")):
        with pytest.raises(DataError, match=counts):
            make(only(pool, name), PLAN, 0, seed=1)
    with pytest.raises(DataError, match="something for each of 9 processes, got 6 in all"):
        make(pool, PLAN, 0, seed=1, rank=8, world=9)


@pytest.mark.parametrize("names", ["scene", "call", "person street", "scene room", "talker room"])
def test_less_than_all_kinds_will_do(pool: Pool, names: str) -> None:
    batch = make(only(pool, *names.split()), PLAN, 0, seed=1)
    assert batch.alpha.mean() > 0.03
    assert bool(batch.real.all()) == (names in ("scene", "call"))


def test_pictures_stay_on_the_device_and_nothing_waits_for_them(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors without values, on a device of their own: reading one back, or mixing in one of another device, fails."""

    def moved(tensor: torch.Tensor | None) -> torch.Tensor | None:
        return None if tensor is None else tensor.to("meta")

    monkeypatch.setattr(Dice, "grain", lambda _, shape, device: torch.empty(tuple(shape), device=device))
    there = only(pool, "")
    there.device = torch.device("meta")
    there.entries = [
        replace(one, images=one.images.to("meta"), alphas=moved(one.alphas), colours=moved(one.colours))
        for one in pool.entries
    ]
    busy = Plan(
        (32, 48), 12, 3, 6, 0.3, 0.2, Scenes(second=0.5, clutter=1, empty_clutter=1),
        looks=Looks(match=0.8, clash=0.3, shadow=0.7, gradient=0.7, defocus=0.7),
        faults=Faults(smear=1, soft=1, noise=1, sharpen=1, rescale=1, squeeze=1),
    )  # fmt: skip
    batch, photos = make(there, busy, 0, seed=1), make_photos(there, busy, 0, seed=1)
    assert {tensor.device.type for tensor in (*tensors(batch), *photos)} == {"meta"}
    assert batch.images.shape == (12, 3, 3, 32, 48)


shares = st.sampled_from([0.0, 0.5, 1.0])
speeds = st.sampled_from([Speeds(0, 0, 0, 0), Speeds(0.3, 20.0, 0.2, 0.1)])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans with every share at its ends and every range far out."""
    size = draw(st.sampled_from([(16, 16), (17, 31), (48, 20)]))
    return Plan(
        size, 2, draw(st.integers(1, 3)), 1, draw(shares), draw(shares),
        Scenes(draw(shares), draw(shares), draw(shares), draw(shares), draw(shares), draw(shares), draw(shares),
               draw(st.sampled_from([(0, 0), (1, 6)]))),
        Motion(draw(speeds), draw(speeds), draw(speeds), draw(shares), draw(shares), draw(shares), draw(shares),
               draw(st.sampled_from([(2.0, 2.0), (5.0, 50.0)])), draw(shares), draw(shares),
               draw(st.sampled_from([(0.0, 0.0), (0.5, 1.0)]))),
        Placing(draw(st.sampled_from([(0.01, 0.01), (0.2, 0.4), (4.0, 4.0)])),
                draw(st.sampled_from([(0.0, 0.0), (0.9, 0.9)])), draw(st.sampled_from([0.0, 45.0])),
                draw(st.sampled_from([0.1, 100.0])), draw(shares),
                draw(st.sampled_from([(1.0, 1.0), (1.0, 50.0)])), draw(st.sampled_from([0.0, 45.0])), draw(shares)),
        Looks(3.0, 1.0, 1.0, 1.0, 180.0, 3.0, 0.9, draw(shares), draw(shares), draw(shares), draw(shares), draw(shares),
              (0.0, 1.0), draw(shares), draw(shares), 1.0, draw(shares), 1.0, draw(shares), 0.5),
        Faults(draw(shares), (0.0, 3.0), draw(shares), 0.3, draw(shares), (0.0, 1.0), draw(shares), (0.0, 5.0),
               draw(shares), (0.05, 1.0), draw(shares), (1.0, 100.0)),
    )  # fmt: skip


@given(plan=plans(), step=st.integers(0, 1000))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_plan_gives_whole_batches_in_range(pool: Pool, plan: Plan, step: int) -> None:
    batch = make(pool, plan, step, seed=1)
    photos, masks = make_photos(pool, plan, step, seed=1)
    outer = (plan.batch, plan.frames)
    assert batch.images.shape == batch.foreground.shape == (*outer, 3, *plan.size)
    assert batch.alpha.shape == (*outer, 1, *plan.size)
    assert photos.shape == (1, 3, *plan.size)
    for tensor in (batch.images, batch.alpha, batch.foreground, photos, masks):
        assert tensor.dtype == torch.float32
        assert torch.isfinite(tensor).all()
        assert tensor.min() >= 0
        assert tensor.max() <= 1
    assert torch.equal(masks, (masks > clips.PERSON).float())
