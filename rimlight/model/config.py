"""What a network is made of; saved with weights so that the right one is built again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EncoderName = Literal["mobilenet_v3_large", "resnet50"]


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Widths of every part; the default is weights v0 (paper section 3, Table 1)."""

    encoder: EncoderName = "mobilenet_v3_large"
    context_channels: int = 128
    key_channels: int = 16
    value_channels: int = 64
    decoder_channels: tuple[int, int, int, int] = (80, 40, 32, 16)
    refiner_channels: int = 16
