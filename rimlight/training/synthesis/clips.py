"""Batches of clips, with the truth of every frame, and of photos with the masks of people.

Letters: B clips, N photos, T frames, H, W size of the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rimlight.errors import DataError
from rimlight.training.data.items import Kind
from rimlight.training.synthesis import colour, degrade, motion, placement, scenes, warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.plan import Plan
from rimlight.training.synthesis.pool import Pool

PERSON = 0.5  # alpha from which a mask says person
MASKED: tuple[Kind, ...] = ("mask-photo", "scene-still", "scene-clip")
EMPTY: tuple[Kind, ...] = ("backdrop-still",)


@dataclass(frozen=True, slots=True)
class Batch:
    """Clips with their truth, all 0..1, on the device of the pool.

    real: true where the foreground's colour is unknown: natural scenes, which have no foreground and no composition
    loss. Where alpha is 0 the foreground's colour means nothing. backdrop: what stands behind, the picture itself in
    natural scenes; None where a source does not tell.
    """

    images: Tensor  # (B, T, 3, H, W) float32
    alpha: Tensor  # (B, T, 1, H, W) float32
    foreground: Tensor  # (B, T, 3, H, W) float32, straight
    real: Tensor  # (B,) bool
    backdrop: Tensor | None = None  # (B, T, 3, H, W) float32


def make(pool: Pool, plan: Plan, step: int, seed: int, rank: int = 0, world: int = 1, stage: int = 0) -> Batch:
    """The share of a step's batch that process `rank` of `world` gets: every world-th clip.

    Pure in its arguments: clip i of a step depends on seed, stage, step and i alone, and on processors it is the same
    to the last bit every time. Raises DataError where the pool has neither backdrops nor scenes, or nobody is in it.
    """
    check(pool)
    images, alphas, foregrounds, backdrops, real = [], [], [], [], []
    for index in _share(plan.batch, rank, world):
        dice = Dice(seed, stage, step, "clip", index)
        made = scenes.scene(dice, pool, plan)
        images.append(scenes.filmed(dice.of("camera"), made, plan))
        alphas.append(made.alpha)
        foregrounds.append(made.foreground)
        backdrops.append(made.backdrop)
        real.append(made.real)
    told = torch.tensor(real, device=pool.device)
    return Batch(torch.stack(images), torch.stack(alphas), torch.stack(foregrounds), told, torch.stack(backdrops))


def make_photos(
    pool: Pool, plan: Plan, step: int, seed: int, rank: int = 0, world: int = 1, stage: int = 0
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Photos (N, 3, H, W) and masks (N, 1, H, W), 1 where a person is and 0 elsewhere, for the segmentation head.

    Shares and determinism as in `make`. Photos with masks, natural scenes, and some backdrops without anybody.
    Raises DataError where the pool has no photo with a mask, or the plan has no photos for this process.
    """
    if not pool.of(*MASKED):
        raise DataError("expected photos with masks or scenes with people, got none; add data, or set plan.photos=0")
    chosen = _share(plan.photos, rank, world)
    dice = [Dice(seed, stage, step, "photo", index) for index in chosen]
    pairs = [_photo(one, pool, replace(plan, frames=1)) for one in dice]
    return torch.stack([image for image, _ in pairs]), torch.stack([mask for _, mask in pairs])


def check(pool: Pool) -> None:
    """Raise DataError that says what is missing where the pool's items cannot make clips."""
    backdrops = pool.of("backdrop-still", "backdrop-clip")
    scenery = pool.of("scene-still", "scene-clip")
    persons = pool.of("person-still", "person-clip")
    if not scenery and not (persons and backdrops):
        raise DataError(
            f"expected scenes, or people and backdrops, to make clips of, got {len(persons)} people and "
            f"{len(backdrops)} backdrops; add a data set that has what is missing"
        )


def _share(count: int, rank: int, world: int) -> range:
    share = range(rank, count, world)
    if not share:
        raise DataError(f"expected something for each of {world} processes, got {count} in all; set the plan's counts")
    return share


def _photo(dice: Dice, pool: Pool, plan: Plan) -> tuple[Tensor, Tensor]:
    """A photo (3, H, W) and its mask (1, H, W)."""
    backdrops = pool.of(*EMPTY)
    nobody = dice.chance(plan.empty_photos) and backdrops
    photos = pool.of("mask-photo")
    entries = backdrops if nobody else photos if photos and dice.chance(0.5) else pool.of(*MASKED)
    entry = dice.one(entries)
    frame = dice.index(entry.frames)
    focus = entry.outlines[frame] if entry.outlines else None
    maps = placement.cover(dice.of("place"), entry.size, plan.size, motion.rest(1), plan.placing, focus)
    image = entry.images[frame : frame + 1].float() / 255
    seen = torch.clamp(warp.seen(image, maps, plan.size, outside="reflection"), 0, 1)
    chance = dice.of("look")
    look = colour.look(chance, 1, plan.looks, dark=chance.chance(plan.looks.dim))
    photo = degrade.degraded(dice.of("faults"), colour.recoloured(seen, look), plan.faults)
    if entry.alphas is None:
        return photo[0], torch.zeros_like(photo[0, :1])
    alpha = warp.seen(entry.alphas[frame : frame + 1].float() / 255, maps, plan.size, outside="reflection")
    return photo[0], (alpha[0] > PERSON).float()
