"""A clip's scene: a person before a backdrop, nobody before one, or a natural scene as it was filmed.

Letters: T frames, H, W size of the frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from rimlight.training.synthesis import colour, degrade, light, motion, people, placement, warp
from rimlight.training.synthesis.clutter import cluttered
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.filters import blurred
from rimlight.training.synthesis.outline import joined
from rimlight.training.synthesis.people import Layer
from rimlight.training.synthesis.plan import Plan
from rimlight.training.synthesis.pool import Entry, Pool
from rimlight.training.synthesis.warp import Maps

CLASH = 3.0  # times the usual change of a person's colours, if lit otherwise than the backdrop


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What stands before the camera.

    foreground (T, 3, H, W), straight; alpha (T, 1, H, W); backdrop (T, 3, H, W); motions: of person and backdrop to the
    next frame, each (T, 3, 3). real: a natural scene: both colours are the picture's, so the person's are unknown.
    """

    foreground: Tensor
    alpha: Tensor
    backdrop: Tensor
    motions: tuple[Maps, Maps]
    real: bool

    @property
    def image(self) -> Tensor:
        """The sharp and clean picture (T, 3, H, W): I = alpha F + (1 - alpha) B."""
        return self.alpha * self.foreground + (1 - self.alpha) * self.backdrop


def scene(dice: Dice, pool: Pool, plan: Plan) -> Scene:
    """A natural scene or a composite, in a common light."""
    if is_natural(dice, pool, plan):
        made = natural(dice.of("natural"), pool, plan)
    else:
        made = composite(dice.of("composite"), pool, plan)
    chance = dice.of("look")
    common = colour.look(chance, plan.frames, plan.looks, dark=chance.chance(plan.looks.dim))
    backdrop = colour.recoloured(made.backdrop, common)
    foreground = backdrop if made.real else colour.recoloured(made.foreground, common)
    return replace(made, foreground=foreground, backdrop=backdrop)


def filmed(dice: Dice, made: Scene, plan: Plan) -> Tensor:
    """What the camera makes of a scene (T, 3, H, W)."""
    image = made.image
    if dice.chance(plan.faults.smear):
        shutter = dice.between(*plan.faults.shutter)
        image = degrade.smeared(made.foreground, made.alpha, made.backdrop, made.motions, shutter)
    return degrade.degraded(dice.of("faults"), image, plan.faults)


def is_natural(dice: Dice, pool: Pool, plan: Plan) -> bool:
    """Whether a clip keeps its own background, as the plan says and the pool has what is needed."""
    scenes = pool.of(*people.BORROWED)
    backdrops = pool.of("backdrop-still", "backdrop-clip")
    drawn = dice.chance(plan.natural)
    return bool(scenes) and (drawn or not backdrops)


def natural(dice: Dice, pool: Pool, plan: Plan) -> Scene:
    """A picture or clip with its own background, looked at by a camera that moves a little."""
    stills, clips = pool.of("scene-still"), pool.of("scene-clip")
    moving_itself = bool(clips) and (dice.chance(plan.scenes.clips) or not stills)
    entry = dice.one(clips if moving_itself else stills)
    frames = motion.window(dice, entry.frames, plan.frames)
    focus = joined([entry.outlines[frame] for frame in frames])
    still = plan.motion.still_clips if moving_itself else plan.motion.still_scenes
    count = plan.frames + 1
    moving = motion.rest(count)
    if not dice.chance(still):
        moving = motion.movement(dice.of("motion"), count, plan.motion.scenes, plan.motion, plan.size)
    maps = placement.cover(dice.of("place"), entry.size, plan.size, moving, plan.placing, focus)
    assert entry.alphas is not None
    both = torch.cat([entry.images[frames], entry.alphas[frames]], dim=1).float() / 255
    seen = warp.seen(both, maps[:-1], plan.size, outside="reflection")
    picture, speed = torch.clamp(seen[:, :3], 0, 1), motion.velocities(maps)
    return Scene(picture, people.snapped(seen[:, 3:]), picture, (speed, speed), real=True)


def composite(dice: Dice, pool: Pool, plan: Plan) -> Scene:
    """One person, two or none before a backdrop, in a light that fits or does not."""
    scenes = plan.scenes
    somebody = not dice.chance(scenes.empty)
    together = dice.chance(scenes.second)
    layer = None
    if somebody:
        layer = (people.two if together else people.person)(dice.of("person"), pool, plan)
    share = scenes.clutter if layer else scenes.empty_clutter
    backdrop, speed = behind(dice.of("backdrop"), pool, plan, share)
    backdrop = colour.recoloured(backdrop, colour.look(dice.of("their"), plan.frames, plan.looks, plan.looks.own))
    if layer is None:
        nothing = torch.zeros_like(backdrop)
        return Scene(nothing, nothing[:, :1], backdrop, (speed, speed), real=False)
    layer, backdrop = lit(dice.of("light"), layer, backdrop, plan)
    return Scene(layer.colours, layer.alpha, backdrop, (layer.motion, speed), real=False)


def behind(dice: Dice, pool: Pool, plan: Plan, clutter: float) -> tuple[Tensor, Maps]:
    """A backdrop (T, 3, H, W) and its motion (T, 3, 3); clutter: the chance that things are put into it."""
    stills, clips = pool.of("backdrop-still"), pool.of("backdrop-clip")
    itself = bool(clips) and (dice.chance(plan.scenes.moving) or not stills)
    entry: Entry = dice.one(clips if itself else stills)
    frames = motion.window(dice, entry.frames, plan.frames)
    count = plan.frames + 1
    moving = motion.rest(count)
    if not dice.chance(plan.motion.still_backdrops):
        moving = motion.movement(dice.of("motion"), count, plan.motion.backdrops, plan.motion, plan.size)
    maps = placement.cover(dice.of("place"), entry.size, plan.size, moving, plan.placing)
    seen = warp.seen(entry.images[frames].float() / 255, maps[:-1], plan.size, outside="reflection")
    seen = torch.clamp(seen, 0, 1)
    if dice.chance(clutter) and not itself:  # in a filmed backdrop things would not follow its camera
        low, high = plan.scenes.shapes
        count = low + dice.index(high - low + 1)
        seen = cluttered(dice.of("clutter"), seen, moving[:-1], stills, count)
    if dice.chance(plan.looks.defocus):
        radius = dice.between(0.1, 1.0) * plan.looks.defocus_radius * plan.size[0]
        seen = blurred(seen, radius)
    return seen, motion.velocities(maps)


def lit(dice: Dice, layer: Layer, backdrop: Tensor, plan: Plan) -> tuple[Layer, Tensor]:
    """Person and backdrop (T, 3, H, W) with the person's own look, fitted light, shadow, and light from a side."""
    looks, frames = plan.looks, plan.frames
    clash = dice.chance(looks.clash)
    amount = looks.own * (CLASH if clash else 1.0)
    colours = colour.recoloured(layer.colours, colour.look(dice.of("own"), frames, looks, amount))
    if dice.chance(looks.match) and not clash:
        colours = light.matched(colours, layer.alpha, backdrop, dice.between(*looks.match_by))
    if dice.chance(looks.gradient):
        gains = light.lit_from_a_side(dice.of("side"), frames, plan.size, looks, backdrop.device)
        colours = torch.clamp(colours * gains, 0, 1)
    if dice.chance(looks.gradient):
        gains = light.lit_from_a_side(dice.of("far side"), frames, plan.size, looks, backdrop.device)
        backdrop = torch.clamp(backdrop * gains, 0, 1)
    if dice.chance(looks.shadow):
        backdrop = light.shaded(dice.of("shadow"), backdrop, layer.alpha, looks)
    return replace(layer, colours=colours), backdrop
