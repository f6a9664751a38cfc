"""What form of the network is exported: free or fixed sizes, how many frames a call takes, which precision.

Letters: B streams, T frames, H, W internal size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from rimlight.errors import FrameError
from rimlight.model.network import MattingNetwork
from rimlight.signature import INPUTS, CallShape, check_internal
from rimlight.types import Size

Precision = Literal["f32", "f16", "int8"]
EXAMPLE = Size(96, 160)


@dataclass(frozen=True, slots=True)
class Form:
    """size: fixed internal size, free where None. batch: fixed frames of one stream per call.

    Where only the size is given a call takes one frame; where neither is, streams and frames are free as well. Raises
    FrameError for a size that is not in multiples of 16 and for a batch below 1.
    """

    size: Size | None = None
    batch: int | None = None
    precision: Precision = "f32"

    def __post_init__(self) -> None:
        if self.size is not None:
            check_internal(self.size)
        if self.batch is not None and self.batch < 1:
            raise FrameError(f"expected a batch of at least 1 frame, got {self.batch}")

    @property
    def frames(self) -> int | None:
        """Fixed number of frames per call, or None where it is free."""
        return self.batch or (1 if self.size else None)

    def example(self) -> tuple[Tensor, ...]:
        """Inputs of one call, which the exporters follow through the network."""
        free = self.frames is None
        shape = CallShape(self.size or EXAMPLE, streams=2 if free else 1, frames=self.frames or 3)
        return tuple(torch.rand(shape.tensor(name)) for name in INPUTS)


class Exported(nn.Module):
    """The network with just the inputs and outputs of rimlight.signature."""

    def __init__(self, network: MattingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, keys: Tensor, values: Tensor, own: Tensor) -> tuple[Tensor, ...]:
        out = self.network(images, keys, values, own)
        return out.scale, out.offset, out.keys, out.values, out.hidden
