"""A scene is what its parts are; shares are the plan's."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from rimlight.training.synthesis import scenes
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.plan import Faults, Looks, Motion, Placing, Plan, Scenes, Speeds
from rimlight.training.synthesis.pool import Pool
from rimlight.training.synthesis.scenes import Scene

from .made import only

PLAN = Plan((32, 48), 1, 3)
PLAIN = Looks(exposure=0, brightness=0, contrast=0, saturation=0, hue=0, gamma=0, warmth=0, grey=0, dim=0, match=0,
              clash=0, shadow=0, gradient=0, defocus=0)  # fmt: skip
CLEAR = Faults(smear=0, soft=0, noise=0, sharpen=0, rescale=0, squeeze=0)


def many(pool: Pool, plan: Plan, count: int = 60) -> list[Scene]:
    return [scenes.scene(Dice(seed), pool, plan) for seed in range(count)]


def test_a_picture_is_its_parts_mixed_by_alpha(pool: Pool) -> None:
    for made in many(pool, PLAN):
        mixed = made.alpha * made.foreground + (1 - made.alpha) * made.backdrop
        assert torch.equal(made.image, mixed)
        for part, channels in ((made.image, 3), (made.alpha, 1), (made.foreground, 3), (made.backdrop, 3)):
            assert part.shape == (3, channels, 32, 48)
            assert part.dtype == torch.float32
            assert 0 <= part.min() <= part.max() <= 1


def test_natural_scenes_are_the_share_that_the_plan_says(pool: Pool) -> None:
    for share, low, high in ((0.0, 0, 0), (0.25, 0.13, 0.37), (1.0, 1, 1)):
        plan = replace(PLAN, natural=share)
        assert low <= np.mean([scenes.is_natural(Dice(seed), pool, plan) for seed in range(150)]) <= high


def test_in_natural_scenes_both_colours_are_the_pictures(pool: Pool) -> None:
    for made in many(pool, replace(PLAN, natural=1.0), 12):
        assert made.real
        assert torch.equal(made.foreground, made.backdrop)
        assert torch.allclose(made.image, made.backdrop, atol=1e-6)
        assert made.alpha.mean() > 0.03


def test_natural_stills_are_what_was_photographed(pool: Pool) -> None:
    """Without movement, zoom and changes of colour every pixel is between the picture's darkest and brightest."""
    plan = Plan((72, 60), 1, 1, natural=1.0, looks=PLAIN, scenes=Scenes(clips=0), motion=Motion(still_scenes=1),
                placing=Placing(zoom=(1, 1), lean=0, flip=0))  # fmt: skip
    part = only(pool, "scene-bust")
    made = scenes.scene(Dice(1), part, plan)
    stored = part.entries[0].images[0].float() / 255
    assert torch.allclose(made.image[0].mean(dim=(1, 2)), stored.mean(dim=(1, 2)), atol=0.02)
    shrunk = torch.nn.functional.interpolate(stored[None, :, 1:-1, 1:-1], (72, 60), mode="bilinear")
    assert (made.image - shrunk).abs().mean() < 0.02


def test_the_share_of_empty_scenes_is_the_plans(pool: Pool) -> None:
    for share, low, high in ((0.0, 0, 0), (0.5, 0.3, 0.7), (1.0, 1, 1)):
        made = many(pool, replace(PLAN, natural=0.0, scenes=Scenes(empty=share), motion=Motion(walk=0)))
        nobody = [bool((scene.alpha == 0).all()) for scene in made]
        assert low <= np.mean(nobody) <= high
        assert not any(scene.real for scene in made)


def test_clutter_is_put_where_the_plan_says(pool: Pool) -> None:
    """Without it, a plain backdrop seen by a resting camera is the stored one."""
    for share in (0.0, 1.0):
        plan = replace(
            PLAN, natural=0.0, looks=PLAIN, placing=Placing(zoom=(1, 1), lean=0, flip=0),
            scenes=Scenes(empty=1, empty_clutter=share, moving=0, shapes=(3, 3)), motion=Motion(still_backdrops=1),
        )  # fmt: skip
        part = only(pool, "room-0", "person-bust")
        pictures = torch.stack([made.backdrop[0] for made in many(part, plan, 12)])
        alike = pictures.mean(dim=(2, 3)).std(dim=0).max() < 0.01
        assert bool(alike) == (share == 0)


def test_moving_backdrops_move_and_still_ones_do_not(pool: Pool) -> None:
    for moving in (0.0, 1.0):
        looks = replace(PLAIN, drift=0)
        plan = replace(PLAN, natural=0, scenes=Scenes(empty=1, moving=moving, empty_clutter=0), looks=looks,
                       motion=Motion(still_backdrops=1))  # fmt: skip
        for made in many(pool, plan, 8):
            moved = float((made.backdrop[1:] - made.backdrop[:-1]).abs().mean())
            assert (moved > 0.005) == (moving == 1)


def test_a_perfect_camera_films_the_scene(pool: Pool) -> None:
    plan = replace(PLAN, faults=CLEAR)
    for seed in range(10):
        made = scenes.scene(Dice(seed), pool, plan)
        filmed = scenes.filmed(Dice(seed, "camera"), made, plan)
        assert (filmed - made.image).abs().max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("fault", ["smear", "soft", "noise", "sharpen", "rescale", "squeeze"])
def test_faults_change_the_picture_and_leave_the_truth(pool: Pool, fault: str) -> None:
    shaky = Speeds(0.2, 0, 0, 0)
    plan = replace(PLAN, faults=replace(CLEAR, **{fault: 1.0}, soft_radius=0.05), motion=Motion(shaky, shaky, shaky))
    changed = []
    for seed in range(8):
        made = scenes.scene(Dice(seed), pool, plan)
        before = [part.clone() for part in (made.alpha, made.foreground, made.backdrop)]
        filmed = scenes.filmed(Dice(seed, "camera"), made, plan)
        assert all(torch.equal(a, b) for a, b in zip(before, (made.alpha, made.foreground, made.backdrop), strict=True))
        changed.append(float((filmed - made.image).abs().mean()))
    assert max(changed) > 1 / 255


@pytest.mark.parametrize(
    ("change", "of_person", "of_backdrop"),
    [
        (Looks(dim=1.0), True, True),
        (Looks(defocus=1.0, defocus_radius=0.1), False, True),
        (Looks(shadow=1.0), False, True),
        (Looks(gradient=1.0), True, True),
    ],
    ids=["dim", "defocus", "shadow", "gradient"],
)
def test_every_part_of_the_look_changes_what_it_is_about(
    pool: Pool, change: Looks, of_person: bool, of_backdrop: bool
) -> None:
    """The same scenes with and without one of the plan's amounts."""
    named = {
        one.name: getattr(change, one.name)
        for one in fields(Looks)
        if getattr(change, one.name) != getattr(Looks(), one.name)
    }
    base = replace(PLAN, natural=0, scenes=Scenes(empty=0), motion=Motion(walk=0), looks=PLAIN)
    pairs = list(zip(many(pool, base, 8), many(pool, replace(base, looks=replace(PLAIN, **named)), 8), strict=True))
    for without, having in pairs:
        assert torch.equal(without.alpha, having.alpha)
    person = [float(((a.foreground - b.foreground) * a.alpha).abs().max()) for a, b in pairs]
    backdrop = [float((a.backdrop - b.backdrop).abs().max()) for a, b in pairs]
    assert (max(person) > 0.01) == of_person
    assert (max(backdrop) > 0.01) == of_backdrop


def test_people_and_backdrops_have_looks_of_their_own_and_a_clash_is_a_stronger_one_of_people(pool: Pool) -> None:
    base = replace(PLAN, natural=0, scenes=Scenes(empty=0), motion=Motion(walk=0))
    usual, strong = (replace(PLAIN, own=0.3, exposure=0.3, clash=share) for share in (0.0, 1.0))
    pairs = list(zip(*(many(pool, replace(base, looks=looks), 20) for looks in (usual, strong)), strict=True))
    assert all(torch.equal(a.backdrop, b.backdrop) for a, b in pairs)
    plain = many(pool, replace(base, looks=replace(usual, own=0.0)), 20)
    changes = [
        [float(((one.foreground - none.foreground) * none.alpha).abs().sum()) for one in pair]
        for pair, none in zip(pairs, plain, strict=True)
    ]
    less, more = np.array(changes).sum(axis=0)
    assert less > 0
    assert not any(torch.equal(one.backdrop, none.backdrop) for (one, _), none in zip(pairs, plain, strict=True))
    assert more > 1.8 * less


def test_light_that_fits_brings_person_and_backdrop_together(pool: Pool) -> None:
    part = only(pool, "person-bust", "room")
    gaps = []
    for share in (0.0, 1.0):
        looks = replace(PLAIN, match=share, match_by=(0.8, 0.8))
        made = many(part, replace(PLAN, natural=0, looks=looks, scenes=Scenes(empty=0, second=0, clutter=0)), 15)
        means = [
            [(part * weight).sum() / weight.sum() / 3 for part, weight in
             ((one.foreground, one.alpha), (one.backdrop, 1 - one.alpha))]
            for one in made
        ]  # fmt: skip
        gaps.append(np.mean([abs(float(person - behind)) for person, behind in means]))
    assert gaps[1] < 0.7 * gaps[0]
