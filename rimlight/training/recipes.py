"""Training runs by name, each a function that returns its config.

Sizes are height and width; a batch counts clips over all processes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rimlight.errors import ConfigError
from rimlight.training.config import Config, LossWeights, Rates, Stage
from rimlight.training.studio import recipes as studio
from rimlight.training.synthesis.plan import Plan

PORTRAITS = 25_820 + 420  # stills the paper trains on: 75 % of AISegment, and Adobe's pictures of people
CLIP_FRAMES = 235_700 + 104 * 850  # of VideoMatte240K's 474 clips and VideoMatting108's 104, about


def paper() -> Config:
    """The paper's three stages (section 5): images, video, and high resolution with the deep guided filter.

    Where it leaves something open: batches divide among up to eight GPUs, one of which should hold them with 140 GB;
    an epoch of videos is every frame once, in windows of T frames; the segmentation head sees photos in every stage, as
    in RVM, whose training it follows. The full picture is 1920x1088, the next size whose quarter has sides in multiples
    of 16, and the network sees a quarter.
    """
    top = Rates(encoder=1e-4, rest=2e-4)
    images = Stage(
        "images", Plan(size=(512, 512), batch=32, frames=1, photos=8), top, steps=_steps(PORTRAITS, 5, 32), longest=800
    )
    video = Stage(
        "video", Plan(size=(288, 512), batch=8, frames=15, photos=8), top, steps=_steps(CLIP_FRAMES, 20, 8 * 15)
    )
    full = Stage(
        "full", Plan(size=(1088, 1920), batch=8, frames=7, photos=8), Rates(encoder=1e-5, rest=1e-5, refiner=2e-4),
        steps=_steps(CLIP_FRAMES, 5, 8 * 7), factors=(4,), longest=1920,
    )  # fmt: skip
    return Config("paper", (images, video, full), betas=(0.9, 0.999))


def preview() -> Config:
    """An hour on one large GPU, in the shape of the legs that made weights v0: fixed sizes, a quarter natural clips.

    Pyramids count a fifth, which puts them on a level with alpha; the guided filter learns at twice and three times
    the network's size.
    """
    top = Rates(encoder=1e-4, rest=4e-4)
    losses = LossWeights(pyramid=0.2)
    images = Stage(
        "images", Plan(size=(384, 384), batch=48, frames=1, photos=16, natural=0.25), top, seconds=300, losses=losses
    )
    video = Stage(
        "video", Plan(size=(288, 512), batch=8, frames=6, photos=16, natural=0.25), top, seconds=2200, losses=losses
    )
    full = Stage(
        "full", Plan(size=(576, 960), batch=4, frames=4, photos=8, natural=0.25),
        Rates(encoder=1e-4, rest=4e-4, refiner=4e-4), seconds=900, losses=losses, factors=(2, 3),
    )  # fmt: skip
    return Config("preview", (images, video, full), warmup=200, init="shipped")


def smoke() -> Config:
    """Learn a few clips by heart on a processor, through all three stages; the proof that losses and loop work."""
    top = Rates(encoder=1e-3, rest=4e-3)
    losses = LossWeights(pyramid=0.2)
    images = Stage("images", Plan(size=(96, 128), batch=8, frames=1, photos=2), top, steps=40, losses=losses)
    video = Stage("video", Plan(size=(96, 128), batch=2, frames=4, photos=2), top, steps=24, losses=losses)
    full = Stage(
        "full", Plan(size=(192, 256), batch=2, frames=3, photos=2), Rates(encoder=1e-3, rest=4e-3, refiner=4e-3),
        steps=16, losses=losses, factors=(2,),
    )  # fmt: skip
    return Config("smoke", (images, video, full), averaging=0.9, warmup=10)


RECIPES: dict[str, Callable[[], Config]] = {
    "paper": paper,
    "preview": preview,
    "smoke": smoke,
    "studio-propagation": studio.propagation,
    "studio-propagation-preview": studio.propagation_preview,
    "studio-propagation-smoke": studio.propagation_smoke,
    "studio-matting": studio.matting,
    "studio-matting-preview": studio.matting_preview,
    "studio-matting-smoke": studio.matting_smoke,
}


def recipe(name: str) -> Config:
    """The config of that name; raises ConfigError for another."""
    if name not in RECIPES:
        raise ConfigError(f"expected a recipe of {', '.join(RECIPES)}, got {name!r}")
    return RECIPES[name]()


def _steps(items: int, epochs: int, batch: int) -> int:
    return math.ceil(items * epochs / batch)
