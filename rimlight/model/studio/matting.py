"""The matting network (paper sections 4.2, 4.3): alpha of a frame from pictures and trimaps of its window.

Letters: N windows, T = 2n+1 frames, C channels, H, W size of the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rimlight.errors import FrameError
from rimlight.model.studio.alignment import aligner, flow_between, warp_by_flow
from rimlight.model.studio.config import STRIDES, StudioConfig
from rimlight.model.studio.decoder import SubPixelDecoder
from rimlight.model.studio.encoder import CLASSES, Encoder
from rimlight.model.studio.fusion import fusion_of

FULL = 3 + CLASSES  # channels of the picture with its trimap


class Features(NamedTuple):
    """All that windows need of a frame, each (N, C, H/s, W/s); computed once a frame."""

    full: Tensor  # picture and trimap (N, 6, H, W)
    half: Tensor
    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor


class VideoMatting(nn.Module):
    """Encoder, alignment and fusion of the window (ST-FAM) in every skip connection, sub-pixel decoder, head."""

    def __init__(self, config: StudioConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or StudioConfig()
        self.encoder = Encoder(config.encoder, config.context_channels, marked=True)
        widths = dict(zip(STRIDES, self.encoder.channels, strict=True))
        fused = config.fused if config.fuse != "none" else ()
        self.align = nn.ModuleDict({str(s): aligner(config.align, widths[s]) for s in fused})
        self.fuse = nn.ModuleDict({str(s): fusion_of(config, widths[s], s) for s in fused})
        half, quarter, eighth, deep = self.encoder.channels
        self.decoder = SubPixelDecoder(deep, (eighth, quarter, half, FULL), config.decoder_channels)
        self.head = nn.Conv2d(config.decoder_channels[-1], 1, 3, padding=1)

    def look(self, image: Tensor, trimap: Tensor) -> Features:
        """Features of frames.

        image (N, 3, H, W) RGB 0..1, sides multiples of 16; trimap (N, 3, H, W) one-hot: backdrop, unknown, foreground.
        """
        return Features(torch.cat([image, trimap], dim=1), *self.encoder(image, trimap))

    def forward(self, window: Sequence[Features]) -> Tensor:
        """Alpha (N, 1, H, W), 0..1, of the frame in the middle of a window of 2n+1 frames in the order of time.

        Pixels that the trimap knows are not set; see known. Raises FrameError for another number of frames.
        """
        if len(window) != self.config.frames:
            raise FrameError(f"expected a window of {self.config.frames} frames, got {len(window)}")
        middle = window[self.config.radius]
        flows = self._flows(window)
        maps = [self._joined(window, stride, flows) for stride in STRIDES]
        half, quarter, eighth, deep = maps
        hidden = self.decoder(deep, (eighth, quarter, half, middle.full))
        return torch.sigmoid(self.head(hidden))

    def _flows(self, window: Sequence[Features]) -> dict[int, Tensor]:
        """From the middle picture to each neighbour's (N, 2, H, W), where the config aligns by flow."""
        if self.config.align != "flow":
            return {}
        radius = self.config.radius
        middle = window[radius].full[:, :3]
        return {at: flow_between(middle, one.full[:, :3]) for at, one in enumerate(window) if at != radius}

    def _joined(self, window: Sequence[Features], stride: int, flows: dict[int, Tensor]) -> Tensor:
        """The middle frame's map of a stride (N, C, H/s, W/s), with what its neighbours add."""
        level = STRIDES.index(stride) + 1
        middle: Tensor = window[self.config.radius][level]
        if str(stride) not in self.fuse:
            return middle
        aligned = [self._aligned(middle, one[level], stride, flows, at) for at, one in enumerate(window)]
        joined: Tensor = self.fuse[str(stride)](torch.stack(aligned, dim=1))
        return joined

    def _aligned(self, middle: Tensor, other: Tensor, stride: int, flows: dict[int, Tensor], at: int) -> Tensor:
        if at == self.config.radius or self.config.align == "none":
            return other
        if flows:
            return warp_by_flow(other, flows[at])
        moved: Tensor = self.align[str(stride)](middle, other)
        return moved


def known(alpha: Tensor, trimap: Tensor) -> Tensor:
    """Alpha (N, 1, H, W) with 0 and 1 where the trimap (N, 3, H, W) says backdrop and foreground."""
    return alpha * trimap[:, 1:2] + trimap[:, 2:3]


def window_of(frame: int, count: int, radius: int) -> tuple[int, ...]:
    """Numbers of the 2n+1 frames around a frame of a video of count frames.

    Beyond the ends time is mirrored, -1 being 1, so that a video played backwards has the same windows backwards; in
    videos shorter than that the frame at the other end stands in.
    """
    return tuple(_mirrored(frame + step, count) for step in range(-radius, radius + 1))


def _mirrored(number: int, count: int) -> int:
    last = count - 1
    folded = -number if number < 0 else 2 * last - number if number > last else number
    return min(max(folded, 0), last)
