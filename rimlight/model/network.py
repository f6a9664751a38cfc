"""Attention-based memory matting network: what is done with frames, memory and the parts of the other files.

The memory is the key and value maps of the two frames before, made by the encoder alone; so T frames run in parallel
and a live step is the same call with T = 1.

Letters: B streams, T frames, N = B*T, S = 2 slots, Ck, Cv key and value channels, H, W internal size, h = H/16, w =
W/16.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rimlight.model.config import ModelConfig
from rimlight.model.decoder import Decoder
from rimlight.model.encoder import build_encoder
from rimlight.model.guided import GuidedFilter
from rimlight.model.memory import ContextPool, KeyValue, read
from rimlight.signature import SLOTS, STRIDE

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Output(NamedTuple):
    """Everything a call says; training reads the heads, live use the coefficients, which export keeps."""

    foreground: Tensor  # (B, T, 3, H, W), 0..1
    alpha: Tensor  # (B, T, 1, H, W), 0..1
    scale: Tensor  # (B, T, 4, H, W), float32
    offset: Tensor  # (B, T, 4, H, W), float32
    keys: Tensor  # (B, S, Ck, h, w), of the last two frames
    values: Tensor  # (B, S, Cv, h, w)
    hidden: Tensor  # (N, 16, H, W), for the segmentation head
    raw: Tensor  # (B, T, 4, H, W), foreground and alpha before the clamp, for losses
    read: Tensor  # (N, 2*Cv, h, w), for the direct supervision


class MattingNetwork(nn.Module):
    """The network of the paper with parameter names of weights v0."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        self.backbone = build_encoder(config.encoder)
        *skips, deep = self.backbone.channels
        self.aspp = ContextPool(deep, config.context_channels)
        self.memory = KeyValue(config.context_channels, config.key_channels, config.value_channels)
        self.decoder = Decoder(2 * config.value_channels, tuple(skips), config.decoder_channels)
        hidden = config.decoder_channels[-1]
        self.project = nn.Conv2d(hidden, 4, 1)
        self.refiner = GuidedFilter(hidden, config.refiner_channels)
        self.segment = nn.Conv2d(hidden, 1, 1)
        self.coarse = nn.Conv2d(2 * config.value_channels, 4, 1)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def empty_memory(self, streams: int, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Zero keys and values (B, S, C, h, w); the first two frames do not read them."""
        cells = (height // STRIDE, width // STRIDE)
        keys = self.mean.new_zeros(streams, SLOTS, self.config.key_channels, *cells)
        values = self.mean.new_zeros(streams, SLOTS, self.config.value_channels, *cells)
        return keys, values

    def forward(self, images: Tensor, keys: Tensor, values: Tensor, own: Tensor) -> Output:
        """Matte T frames of B streams.

        images (B, T, 3, H, W) RGB 0..1, sides multiples of 16; keys, values (B, S, C, h, w) of the two frames before;
        own (B, T) float32, 1 where a frame reads its own key and value (the first two frames after a cut), else 0.
        """
        streams, frames = images.shape[:2]
        flat = images.flatten(0, 1)  # (N, 3, H, W)
        *skips, deep = self.backbone((flat - self.mean) / self.std)
        own_keys, own_values = self.memory(self.aspp(deep))  # (N, C, h, w)
        past_keys, next_keys = _remember(keys, own_keys, own)
        past_values, next_values = _remember(values, own_values, own)
        remembered = torch.cat([read(own_keys, past_keys, past_values), own_values], dim=1)  # (N, 2*Cv, h, w)
        hidden = self.decoder(remembered, skips, flat)
        raw = self.project(hidden) + torch.cat([flat, torch.zeros_like(flat[:, :1])], dim=1)  # (N, 4, H, W)
        low = torch.clamp(raw, 0, 1)
        scale, offset = self.refiner(flat, low, hidden)
        outer = (streams, frames)
        low, raw = torch.unflatten(low, 0, outer), torch.unflatten(raw, 0, outer)
        scale, offset = torch.unflatten(scale, 0, outer), torch.unflatten(offset, 0, outer)
        return Output(
            low[:, :, :3], low[:, :, 3:], scale, offset, next_keys, next_values, hidden, raw, remembered
        )  # fmt: skip

    def clip(self, images: Tensor) -> Output:
        """Matte whole clips (B, T, 3, H, W) from their start, all frames in parallel."""
        streams, frames, _, height, width = images.shape
        own = images.new_zeros(streams, frames)
        own[:, :SLOTS] = 1
        out: Output = self(images, *self.empty_memory(streams, height, width), own)
        return out

    def step(self, image: Tensor, keys: Tensor, values: Tensor, own: Tensor) -> Output:
        """One frame (B, 3, H, W) of every stream; own (B,). The same call with T = 1."""
        out: Output = self(image[:, None], keys, values, own[:, None])
        return out


def _remember(memory: Tensor, new: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """What each frame reads (N, S, C, h, w), and the memory after the last frame (B, S, C, h, w).

    memory (B, S, C, h, w); new (N, C, h, w); own (B, T).
    """
    streams, frames = own.shape
    new = torch.unflatten(new, 0, (streams, frames))  # (B, T, C, h, w)
    line = torch.cat([memory, new], dim=1)  # (B, S+T, C, h, w)
    past = torch.stack([line[:, :-2], line[:, 1:-1]], dim=2)  # (B, T, S, C, h, w)
    mask = own[:, :, None, None, None, None] > 0.5
    # A choice, not a product: after a cut nothing of the old memory may count, not even a NaN in it.
    chosen = torch.where(mask, new[:, :, None].expand_as(past), past)
    return chosen.flatten(0, 1), line[:, -SLOTS:]
