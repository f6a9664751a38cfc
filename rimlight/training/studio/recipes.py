"""Training runs of the studio's networks by name, each a function that returns its config.

Sizes are height and width; a batch counts clips over all processes.
"""

from __future__ import annotations

import math

from rimlight.model.studio.config import StudioConfig
from rimlight.training.config import Config, LossWeights, Rates, Stage
from rimlight.training.studio.marks import Marks
from rimlight.training.synthesis.plan import Motion, Plan, Scenes, Speeds

CLIPS = 4000 + 1000  # of an epoch: as many as the authors' composing script makes of pictures and of videos, at most
SIZE = (720, 1280)  # what is composed, before squares are cut out of it
SOMEBODY = Scenes(empty=0.02, borrowed=0.4)
FAST = Motion(people=Speeds(0.05, 2.0, 0.03, 0.01), backdrops=Speeds(0.02, 1.0, 0.015, 0.004), still_people=0.1)


def propagation() -> Config:
    """The paper's trimap propagation (section 5.1): ResNet-34, 75 epochs, Adam from 1e-3 to 1e-4.

    Its frames come from anywhere in a clip; here they move as fast as some ten frames of an ordinary one.
    """
    plan = Plan(size=(320, 576), batch=16, frames=4, motion=FAST)
    rates = Rates(encoder=1e-3, rest=1e-3)
    stage = Stage("propagation", plan, rates, steps=_steps(75, 16), marks=Marks(), longest=1024)
    config = StudioConfig("propagation", "resnet34", 256, 128, (128, 64, 32, 16))
    return Config("studio-propagation", (stage,), betas=(0.9, 0.999), weight_decay=0.0, floor=0.1, studio=config)


def matting() -> Config:
    """The paper's matting network (section 5.1): ResNet-50, n = 2, 100 epochs, Adam at 5e-5, crops 320/480/640 to 320.

    Clips are a frame longer than the window, so that two alphas follow each other and the temporal loss has something
    to compare.
    """
    plan = Plan(size=SIZE, batch=8, frames=6)
    rates = Rates(encoder=5e-5, rest=5e-5)
    stage = Stage(
        "matting", plan, rates, steps=_steps(100, 8), marks=Marks(crops=(320, 480, 640), crop_to=320), longest=1280
    )
    config = StudioConfig("matting", "resnet50", 256, decoder_channels=(256, 128, 64, 32))
    return Config("studio-matting", (stage,), betas=(0.9, 0.999), weight_decay=0.0, floor=0.5, studio=config)


def propagation_preview() -> Config:
    """Some hundred steps on one processor core, from the live network's encoder, at a small size."""
    plan = Plan(size=(144, 256), batch=4, frames=3, motion=FAST, scenes=SOMEBODY)
    marks = Marks(kernels=(2, 3), iterations=(3, 10))
    rates = Rates(encoder=1e-4, rest=1e-3)
    stage = Stage(
        "propagation", plan, rates, steps=600, marks=marks, longest=384, frozen_encoder_norms=True
    )  # fmt: skip
    config = StudioConfig("propagation", "mobilenet")
    return Config(
        "studio-propagation-preview", (stage,), averaging=0.98, warmup=20, floor=0.05, init="shipped", studio=config
    )


def matting_preview() -> Config:
    """Some hundred steps on one processor core, from the live network's encoder, in small crops."""
    plan = Plan(size=(256, 448), batch=3, frames=6, natural=0.1, scenes=SOMEBODY)
    marks = Marks(kernels=(2, 3), iterations=(3, 12), crops=(112, 144, 176), crop_to=144)
    stage = Stage(
        "matting", plan, Rates(encoder=1e-4, rest=1e-3), steps=600, losses=LossWeights(divergence=0.1), marks=marks,
        longest=512, frozen_encoder_norms=True,
    )  # fmt: skip
    return Config(
        "studio-matting-preview", (stage,), averaging=0.98, warmup=20, floor=0.05, init="shipped",
        studio=StudioConfig("matting", "mobilenet"),
    )  # fmt: skip


def propagation_smoke() -> Config:
    """Learn a few clips by heart on a processor in seconds: the proof that network, loss and loop work."""
    stage = Stage(
        "propagation", Plan(size=(64, 96), batch=2, frames=3), Rates(encoder=1e-3, rest=4e-3), steps=40,
        marks=Marks(kernels=(2, 2), iterations=(4, 6)),
    )  # fmt: skip
    config = StudioConfig("propagation", context_channels=32, key_channels=16, decoder_channels=(16, 16, 8, 8))
    return Config("studio-propagation-smoke", (stage,), averaging=0.9, warmup=5, studio=config)


def matting_smoke() -> Config:
    """Learn a few clips by heart on a processor in seconds, with crops and a window of three frames."""
    stage = Stage(
        "matting", Plan(size=(96, 128), batch=2, frames=4), Rates(encoder=1e-3, rest=4e-3), steps=40,
        marks=Marks(kernels=(2, 2), iterations=(4, 8), crops=(64, 80), crop_to=64),
    )  # fmt: skip
    config = StudioConfig("matting", context_channels=32, decoder_channels=(16, 16, 8, 8), radius=1, reach=5)
    return Config("studio-matting-smoke", (stage,), averaging=0.9, warmup=5, studio=config)


def _steps(epochs: int, batch: int) -> int:
    return math.ceil(CLIPS * epochs / batch)
