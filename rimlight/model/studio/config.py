"""What the studio's two networks are made of; saved with weights so that the right one is built again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

from rimlight.errors import ConfigError

Job = Literal["propagation", "matting"]
EncoderName = Literal["mobilenet", "resnet34", "resnet50"]
Alignment = Literal["none", "deform", "flow"]
Fusion = Literal["none", "naive", "attention", "cross"]
STRIDE = 16  # sides of pictures are multiples of it
STRIDES = (2, 4, 8, 16)  # of the feature maps


@dataclass(frozen=True, slots=True)
class StudioConfig:
    """Widths and parts of one network.

    job: trimap propagation or matting. context_channels: of the 1/16 map, projected from the encoder's. key_channels:
    of propagation. decoder_channels: at 1/8, 1/4, 1/2 and full size. radius: n of the window of 2n+1 frames. align: how
    neighbours come to the middle frame: not, by deformable convolution (TFA), or by optical flow. fuse: how they join
    it: not (one frame alone), one 1x1 convolution ("naive"), channel and spatial attention (TFF), or attention over all
    positions at 1/16 ("cross"). fused: strides of the maps that are aligned and fused. reach: length of the separable
    kernels of the global convolution, odd.
    Raises ConfigError for values that make no network.
    """

    job: Job = "matting"
    encoder: EncoderName = "mobilenet"
    context_channels: int = 128
    key_channels: int = 64
    decoder_channels: tuple[int, int, int, int] = (64, 32, 24, 16)
    radius: int = 2
    align: Alignment = "deform"
    fuse: Fusion = "attention"
    fused: tuple[int, ...] = (4, 8, 16)
    reach: int = 7

    def __post_init__(self) -> None:
        widths = (self.context_channels, self.key_channels, *self.decoder_channels)
        if min(widths) < 1 or self.radius < 0 or self.reach < 1 or self.reach % 2 == 0:
            raise ConfigError(
                "expected widths of 1 or more, a radius of 0 or more and an odd reach, got "
                f"{widths}, {self.radius} and {self.reach}"
            )
        if not set(self.fused) <= set(STRIDES):
            raise ConfigError(f"expected fused strides out of {STRIDES}, got {self.fused}")
        if self.align != "none" and self.fuse == "none":
            raise ConfigError(
                f"expected a fusion of what align={self.align!r} gives, got fuse='none'; set fuse='naive'"
            )

    @property
    def frames(self) -> int:
        """Frames of a window."""
        return 2 * self.radius + 1


def to_text(config: StudioConfig) -> str:
    """The config as JSON, for a weights file's metadata."""
    return json.dumps(asdict(config))


def from_text(text: str) -> StudioConfig:
    """The config that to_text wrote; raises ConfigError if it is of another version or damaged."""
    try:
        table = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"expected a network's config as JSON, got: {error}") from error
    names = {one.name for one in fields(StudioConfig)}
    if not isinstance(table, dict) or not set(table) <= names:
        raise ConfigError(f"expected a table of {', '.join(sorted(names))}, got {text[:80]}")
    hints = get_type_hints(StudioConfig)
    return StudioConfig(**{name: _checked(name, value, hints[name]) for name, value in table.items()})


def _checked(name: str, value: Any, kind: Any) -> Any:
    if isinstance(value, list):
        value = tuple(value)
    choices = get_args(kind)
    wrong = isinstance(choices, tuple) and bool(choices) and isinstance(choices[0], str) and value not in choices
    if wrong or (kind is int and type(value) is not int):
        raise ConfigError(f"{name}: got {value!r}, expected {' or '.join(map(str, choices)) or 'a whole number'}")
    return value
