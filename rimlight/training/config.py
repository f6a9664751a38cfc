"""What a training run is: stages, their learning rates and losses, and how steps are made; frozen, as JSON and back."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from rimlight.errors import ConfigError
from rimlight.model.config import ModelConfig
from rimlight.model.studio.config import StudioConfig
from rimlight.signature import STRIDE
from rimlight.training.studio.marks import Marks
from rimlight.training.synthesis.plan import Plan

PrecisionName = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Rates:
    """Learning rates of the network's parts at the top of the cosine; a part of rate 0 is frozen."""

    encoder: float
    rest: float
    refiner: float = 0.0


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What each loss counts; 0 leaves it out. full: of all losses of the full picture, on top of their own.

    gradient, divergence, classes: of the studio's networks, which have alpha, composition and motion too.
    """

    alpha: float = 1.0
    pyramid: float = 1.0
    composition: float = 1.0
    foreground: float = 1.0
    motion: float = 1.0
    coarse: float = 1.0
    segmentation: float = 1.0
    full: float = 1.0
    gradient: float = 1.0
    divergence: float = 1.0
    classes: float = 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of training with batches of one kind.

    steps or seconds: how long, one of the two; seconds are of training alone, over all legs.
    factors: empty where the network sees the pictures as they are. Otherwise it sees them reduced by each of these in
    turn, and the guided filter carries its matte back to the full picture, where losses are taken too.
    frozen_norms: batch norms use their statistics and leave them as they are; frozen_encoder_norms: those of encoders.
    data: beginnings of the keys of items to use, such as "packed/face"; empty for all. longest: larger pictures of the
    data are reduced to this longest side when they are read. marks: trimaps and crops, for the studio's networks.
    """

    name: str
    plan: Plan
    rates: Rates
    steps: int | None = None
    seconds: float | None = None
    losses: LossWeights = field(default_factory=LossWeights)
    factors: tuple[int, ...] = ()
    frozen_norms: bool = False
    data: tuple[str, ...] = ()
    longest: int = 768
    frozen_encoder_norms: bool = False
    marks: Marks | None = None

    def __post_init__(self) -> None:
        _check_stage(self)

    @property
    def length(self) -> float:
        """Steps or seconds."""
        length = self.steps if self.steps is not None else self.seconds
        assert length is not None
        return length


@dataclass(frozen=True, slots=True)
class Config:
    """A whole training run.

    betas, weight_decay: of AdamW; biases and batch norms do not decay. clip_norm: longest gradient. averaging: share
    of the averaged weights kept at a step. warmup: steps in which the learning rate rises. floor: of the cosine, as a
    share of its top. precision: auto is bfloat16 where the device computes in it, float32 on processors. compile:
    encoder and decoder by torch.compile, which takes minutes. init: weights to start from: "none", "shipped", or a
    file; see rimlight.training.start. studio: trains this network of the studio's instead of model.
    """

    name: str
    stages: tuple[Stage, ...]
    model: ModelConfig = field(default_factory=ModelConfig)
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 1e-4
    clip_norm: float = 1.0
    averaging: float = 0.999
    warmup: int = 0
    floor: float = 0.0
    precision: PrecisionName = "auto"
    channels_last: bool = True
    compile: bool = False
    seed: int = 0
    init: str = "none"
    studio: StudioConfig | None = None

    def __post_init__(self) -> None:
        _check_config(self)


def _check_stage(stage: Stage) -> None:
    where = f"stage {stage.name!r}"
    if (stage.steps is None) == (stage.seconds is None) or stage.length <= 0:
        raise ConfigError(
            f"{where}: expected steps or seconds above 0, one of both, got {stage.steps} and {stage.seconds}"
        )
    if any(factor < 1 for factor in stage.factors):
        raise ConfigError(f"{where}: expected factors of 1 or more, got {stage.factors}")
    for factor in stage.factors or (1,):
        if any(side % (STRIDE * factor) for side in stage.plan.size):
            raise ConfigError(
                f"{where}: expected a height and width in multiples of {STRIDE * factor} "
                f"({STRIDE} after a reduction by {factor}), got {stage.plan.size}"
            )
    if stage.longest < STRIDE:
        raise ConfigError(f"{where}: expected a longest side of {STRIDE} or more, got {stage.longest}")
    rates = {part.name: getattr(stage.rates, part.name) for part in fields(Rates)}
    if min(rates.values()) < 0 or not any(rates.values()):
        raise ConfigError(f"{where}: expected learning rates of 0 or more, not all 0, got {rates}")
    if stage.rates.refiner and not stage.factors:
        raise ConfigError(f"{where}: a guided filter learns at full pictures only; set factors, or rates.refiner to 0")
    if min(getattr(stage.losses, weight.name) for weight in fields(LossWeights)) < 0:
        raise ConfigError(f"{where}: expected weights of losses of 0 or more, got {stage.losses}")


def _check_config(config: Config) -> None:
    _check_studio(config)
    names = [stage.name for stage in config.stages]
    if not names or len(set(names)) != len(names):
        raise ConfigError(f"expected at least one stage, each with its own name, got {names}")
    if len({stage.steps is None for stage in config.stages}) > 1:
        raise ConfigError("expected all stages in steps or all in seconds: one cosine spans them")
    shares = {"averaging": config.averaging, "floor": config.floor, "betas": max(config.betas)}
    for name, value in shares.items():
        if not 0 <= value < 1:
            raise ConfigError(f"expected {name} from 0 to below 1, got {value}")
    if config.clip_norm <= 0 or config.weight_decay < 0 or config.warmup < 0:
        raise ConfigError(
            f"expected clip_norm above 0, weight_decay and warmup of 0 or more, got {config.clip_norm}, "
            f"{config.weight_decay} and {config.warmup}"
        )


def _check_studio(config: Config) -> None:
    for stage in config.stages:
        where = f"stage {stage.name!r}"
        if (config.studio is None) != (stage.marks is None):
            raise ConfigError(f"{where}: expected marks for the studio's networks, and for them only")
        if config.studio is None or stage.marks is None:
            continue
        if stage.factors or stage.plan.photos:
            raise ConfigError(
                f"{where}: the studio's networks have no guided filter and take no photos; set them to none"
            )
        least = config.studio.frames if config.studio.job == "matting" else 2
        if stage.plan.frames < least:
            raise ConfigError(f"{where}: expected clips of {least} frames or more, got {stage.plan.frames}")
        if stage.marks.crops and stage.marks.crop_to % STRIDE:
            raise ConfigError(f"{where}: expected crop_to in multiples of {STRIDE}, got {stage.marks.crop_to}")
