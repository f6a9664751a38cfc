"""People as layers over a clip: who, which frames, where, how they move, and two of them as one.

Letters: T frames, H, W size of the frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rimlight.training.data.items import Kind
from rimlight.training.synthesis import motion, placement, warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.outline import Outline, Span, joined
from rimlight.training.synthesis.plan import Plan, Scenes
from rimlight.training.synthesis.pool import Entry, Pool
from rimlight.training.synthesis.warp import Maps

ATTEMPTS = 8  # to find somebody who is in the picture in earnest
SMALLEST = 0.1  # of the picture's height that a person takes
BEYOND: Span = (-0.25, 1.25)  # shares of the frame's width between which walking people are met
SURE = 1 / 512  # half a grey level: alpha so close to 0 or 1 is just that
CLEAN: tuple[Kind, Kind] = ("person-still", "person-clip")
BORROWED: tuple[Kind, Kind] = ("scene-still", "scene-clip")


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """What stands before a backdrop.

    colours: straight (T, 3, H, W), of no meaning where alpha is 0. alpha (T, 1, H, W). motion: to the next frame
    (T, 3, 3). head: its height in pixels.
    """

    colours: Tensor
    alpha: Tensor
    motion: Maps
    head: float


def person(dice: Dice, pool: Pool, plan: Plan, across: Span = placement.USUAL) -> Layer | None:
    """A person of the pool in the frame; None if nobody is found.

    across: between which shares of the frame's width the head is.
    """
    for number in range(ATTEMPTS):
        chance = dice.of(number)
        entry = choose(chance, pool, plan.scenes)
        if entry is None:
            return None
        frames = motion.window(chance, entry.frames, plan.frames)
        found = joined([entry.outlines[frame] for frame in frames])
        if found and found.bottom - found.top >= SMALLEST * entry.size[0]:
            layer = _shown(chance, entry, frames, found, plan, across)
            if layer:
                return layer
    return None


def choose(dice: Dice, pool: Pool, scenes: Scenes) -> Entry | None:
    """An entry with a person's own colours, still or moving, clean or borrowed, as the plan says and the pool has."""
    moving, borrowed = dice.chance(scenes.clips), dice.chance(scenes.borrowed)
    place = dice.unit()
    for kinds in (BORROWED, CLEAN) if borrowed else (CLEAN, BORROWED):
        for kind in (kinds[moving], kinds[not moving]):
            entries = pool.of(kind)
            if entries:
                return entries[int(place * len(entries))]
    return None


def two(dice: Dice, pool: Pool, plan: Plan) -> Layer | None:
    """Two people beside each other, the larger one in front; one or None if there are no more."""
    split = dice.between(0.3, 0.7)
    first = person(dice.of("left"), pool, plan, (0.1, split))
    second = person(dice.of("right"), pool, plan, (split, 0.9))
    if first is None or second is None:
        return first or second
    return union(first, second) if first.head >= second.head else union(second, first)


def union(front: Layer, back: Layer) -> Layer:
    """Two people as one layer; alpha is where any of them is, motion and head those of the first."""
    behind = (1 - front.alpha) * back.alpha
    alpha = snapped(front.alpha + behind)
    colours = (front.alpha * front.colours + behind * back.colours) / alpha.clamp_min(SURE)
    return Layer(_known(colours, alpha), alpha, front.motion, front.head)


def rendered(entry: Entry, frames: list[int], maps: Maps, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Straight colours (T, 3, H, W) and alpha (T, 1, H, W) of a person through maps (T, 3, 3).

    Colours are read times alpha: else what is beyond the person's edge would colour it.
    """
    assert entry.alphas is not None
    assert entry.colours is not None
    opacity = entry.alphas[frames].float() / 255
    both = torch.cat([entry.colours[frames].float() / 255 * opacity, opacity], dim=1)
    layer = warp.seen(both, maps, size)
    alpha = snapped(layer[:, 3:])
    return _known(layer[:, :3] / layer[:, 3:].clamp_min(SURE), alpha), alpha


def snapped(alpha: Tensor) -> Tensor:
    """Alpha with exact 0 and 1 where it is within half a grey level of them."""
    low = torch.where(alpha < SURE, torch.zeros_like(alpha), alpha)
    return torch.where(low > 1 - SURE, torch.ones_like(alpha), low)


def _shown(dice: Dice, entry: Entry, frames: list[int], found: Outline, plan: Plan, across: Span) -> Layer | None:
    count = plan.frames + 1  # and one more, for the last frame's motion
    walking = dice.chance(plan.motion.walk) and {side for side, _ in found.cuts} <= {"bottom"}
    still = plan.motion.still_clips if entry.is_clip else plan.motion.still_people
    if walking:
        moving, across = motion.walk(dice.of("walk"), count, plan.motion, plan.size), BEYOND
    elif dice.chance(still):
        moving = motion.rest(count)
    else:
        moving = motion.movement(dice.of("motion"), count, plan.motion.people, plan.motion, plan.size)
    maps = placement.place(dice.of("place"), found, entry.size, plan.size, moving, plan.placing, across)
    if maps is None:
        return None
    colours, alpha = rendered(entry, frames, maps[:-1], plan.size)
    return Layer(colours, alpha, motion.velocities(maps), found.head * warp.enlargement(maps))


def _known(colours: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(alpha > 0, torch.clamp(colours, 0, 1), torch.zeros_like(colours))
