"""What a stage's batches are like: shapes, and how often and how far everything in them is varied.

Lengths are shares of the frame's height, speeds are per frame of the clip, angles degrees, shares probabilities, and
pairs the lower and upper end of a range. Defaults follow what made weights v0 and what its errors were: people cut by a
picture's border stay cut, a quarter of the clips keep their own background, and backdrops are cluttered, since rooms
with bedding, curtains and chairs were taken for people more than anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from rimlight.errors import ConfigError

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scenes:
    """What is put together, as shares of the clips that are no natural ones unless said otherwise.

    empty: without a person. second: with two people. clips: people and natural scenes that move by themselves rather
    than stills, where the pool has them. borrowed: people cut out of scenes, by estimated colours, rather than clean
    ones. moving: backdrops that are clips. clutter, empty_clutter: things drawn and pasted into still backdrops behind
    people and without them. shapes: how many things.
    """

    empty: float = 0.1
    second: float = 0.12
    clips: float = 0.45
    borrowed: float = 0.6
    moving: float = 0.2
    clutter: float = 0.4
    empty_clutter: float = 0.75
    shapes: tuple[int, int] = (1, 5)


@dataclass(frozen=True, slots=True)
class Speeds:
    """The fastest that something moves, per frame: shift in heights, turn in degrees, zoom and shear as shares."""

    shift: float
    turn: float
    zoom: float
    shear: float


@dataclass(frozen=True, slots=True)
class Motion:
    """Movement of layers as a whole, smooth in time; clips move by themselves on top.

    people, backdrops, scenes: top speeds of what stands before the camera, of the backdrop, and of a camera that looks
    at a natural scene. still_*: shares without such movement. periods: frames of a swing, so that the acceleration is
    at most speed * 2 pi / periods[0]. eased: of movements that begin and come to rest. walk: people who cross the
    frame's side. walk_speed: in heights.
    """

    people: Speeds = Speeds(0.02, 0.6, 0.008, 0.003)
    backdrops: Speeds = Speeds(0.008, 0.25, 0.004, 0.001)
    scenes: Speeds = Speeds(0.01, 0.4, 0.005, 0.001)
    still_people: float = 0.2
    still_clips: float = 0.5
    still_backdrops: float = 0.5
    still_scenes: float = 0.25
    periods: Range = (12.0, 60.0)
    eased: float = 0.3
    walk: float = 0.05
    walk_speed: Range = (0.01, 0.06)


@dataclass(frozen=True, slots=True)
class Placing:
    """Where people are in the frame.

    head: height of the head. room: above it. tilt: of the person. enlarge: a picture's pixel is at most so many of the
    frame's, unless a cut person has to reach the border. headless: share whose head may be out of frame. zoom: of
    backdrops and scenes beyond what fills the frame. lean: tilt of backdrops and scenes. flip: share mirrored, of
    everything.
    """

    head: Range = (0.14, 0.5)
    room: Range = (0.03, 0.3)
    tilt: float = 6.0
    enlarge: float = 1.8
    headless: float = 0.06
    zoom: Range = (1.0, 2.0)
    lean: float = 2.0
    flip: float = 0.5


@dataclass(frozen=True, slots=True)
class Looks:
    """Colour and light.

    exposure in stops either way, brightness added, contrast and saturation as shares, hue in degrees, gamma in stops of
    the exponent, warmth of the white balance. own: how much of this people and backdrops get each for themselves, the
    whole picture getting all. drift: how much of it changes during a clip. dim: share of dark rooms. grey: without
    colour. match: share of people fitted to the backdrop's light, by the share match_by. clash: lit otherwise than the
    backdrop, strongly. shadow: thrown on the backdrop, darkening it by up to shadow_depth. gradient: light from one
    side, up to gradient_depth. defocus: share of blurred backdrops, by up to defocus_radius.
    """

    exposure: float = 0.35
    brightness: float = 0.05
    contrast: float = 0.2
    saturation: float = 0.3
    hue: float = 8.0
    gamma: float = 0.25
    warmth: float = 0.12
    own: float = 0.7
    drift: float = 0.1
    dim: float = 0.08
    grey: float = 0.02
    match: float = 0.5
    match_by: Range = (0.2, 0.8)
    clash: float = 0.1
    shadow: float = 0.3
    shadow_depth: float = 0.5
    gradient: float = 0.35
    gradient_depth: float = 0.35
    defocus: float = 0.25
    defocus_radius: float = 0.02


@dataclass(frozen=True, slots=True)
class Faults:
    """What the camera and its wire do to the pictures; the truth stays as it is.

    smear: share with blur of motion, of a shutter that is open for the share `shutter` of a frame. soft: out of focus
    as a whole, by up to soft_radius. noise: of the sensor, deviating by noise_level at mid grey. sharpen: by the share
    sharpen_by of what is fine. rescale: reduced to the share rescale_to and enlarged again. squeeze: through JPEG, of a
    quality.
    """

    smear: float = 0.3
    shutter: Range = (0.2, 1.0)
    soft: float = 0.12
    soft_radius: float = 0.004
    noise: float = 0.55
    noise_level: Range = (0.003, 0.035)
    sharpen: float = 0.25
    sharpen_by: Range = (0.2, 1.2)
    rescale: float = 0.2
    rescale_to: Range = (0.4, 0.9)
    squeeze: float = 0.5
    quality: Range = (25.0, 95.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """A stage's batches.

    size: height and width of the pictures. batch: clips a step, over all processes. frames: of a clip. photos: with
    person masks a step, for the segmentation head. natural: share of clips that keep their own background.
    empty_photos: share of photos without a person.
    Raises ConfigError for values that cannot be.
    """

    size: tuple[int, int]
    batch: int
    frames: int
    photos: int = 0
    natural: float = 0.25
    empty_photos: float = 0.12
    scenes: Scenes = field(default_factory=Scenes)
    motion: Motion = field(default_factory=Motion)
    placing: Placing = field(default_factory=Placing)
    looks: Looks = field(default_factory=Looks)
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        _check_counts(self)
        groups: tuple[Any, ...] = (self, self.scenes, self.motion, self.placing, self.looks, self.faults)
        for group in groups:
            for one in fields(group):
                _check_value(one.name, getattr(group, one.name))
        for name in SHARES:
            value = attrgetter(name)(self)
            if not 0 <= value <= 1:
                raise ConfigError(f"expected plan.{name} from 0 to 1, got {value}")
        _check_limits(self)


SHARES = (
    "natural", "empty_photos",
    *(f"scenes.{name}" for name in
      ("empty", "second", "clips", "borrowed", "moving", "clutter", "empty_clutter")),
    *(f"motion.{name}" for name in
      ("still_people", "still_clips", "still_backdrops", "still_scenes", "eased", "walk")),
    "placing.headless", "placing.flip",
    *(f"looks.{name}" for name in
      ("own", "drift", "dim", "grey", "match", "clash", "shadow", "shadow_depth", "gradient", "gradient_depth",
       "defocus")),
    *(f"faults.{name}" for name in ("smear", "soft", "noise", "sharpen", "rescale", "squeeze")),
)  # fmt: skip


def _check_counts(plan: Plan) -> None:
    if min(*plan.size, plan.batch, plan.frames) < 1 or plan.photos < 0:
        raise ConfigError(
            "expected a size, a batch and frames of 1 or more, photos of 0 or more, got "
            f"{plan.size}, {plan.batch}, {plan.frames} and {plan.photos}"
        )


def _check_value(name: str, value: Any) -> None:
    if isinstance(value, Speeds):
        if min(value.shift, value.turn, value.zoom, value.shear) < 0:
            raise ConfigError(f"expected speeds of 0 or more in plan's {name}, got {value}")
    elif isinstance(value, tuple):
        if name != "size" and not 0 <= value[0] <= value[1]:
            raise ConfigError(f"expected plan's {name} as a range from a lower to an upper end, got {value}")
    elif isinstance(value, float) and value < 0:
        raise ConfigError(f"expected plan's {name} of 0 or more, got {value}")


def _check_limits(plan: Plan) -> None:
    """Ranges that arithmetic or sense keep away from some values."""
    limits = {
        "motion.periods": (plan.motion.periods[0], 2.0, 1e6),
        "placing.head": (plan.placing.head[0], 0.01, 4.0),
        "placing.room": (plan.placing.room[1], 0.0, 0.9),
        "placing.tilt": (plan.placing.tilt, 0.0, 45.0),
        "placing.enlarge": (plan.placing.enlarge, 0.1, 100.0),
        "placing.zoom": (plan.placing.zoom[0], 1.0, 100.0),
        "placing.lean": (plan.placing.lean, 0.0, 45.0),
        "looks.saturation": (plan.looks.saturation, 0.0, 1.0),
        "looks.contrast": (plan.looks.contrast, 0.0, 1.0),
        "looks.warmth": (plan.looks.warmth, 0.0, 0.9),
        "faults.rescale_to": (plan.faults.rescale_to[0], 0.05, 1.0),
        "faults.rescale_to's end": (plan.faults.rescale_to[1], 0.05, 1.0),
        "faults.quality": (plan.faults.quality[0], 1.0, 100.0),
        "faults.quality's end": (plan.faults.quality[1], 1.0, 100.0),
    }
    for name, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise ConfigError(f"expected plan.{name} from {low:g} to {high:g}, got {value}")
