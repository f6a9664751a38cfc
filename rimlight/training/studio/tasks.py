"""What one step of the studio's networks computes: predictions of marked clips, and their losses.

Letters: B clips, T frames, n radius of the window, H, W size of the pictures.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rimlight.model.studio.matting import Features, VideoMatting
from rimlight.model.studio.propagation import TrimapPropagation
from rimlight.training.studio import losses
from rimlight.training.studio.marked import MarkedBatch

OF_MATTING = ("alpha", "composition", "gradient", "divergence", "motion")
OF_PROPAGATION = ("classes",)


class MattingTask(nn.Module):
    """Alpha of every frame that has a whole window, T-2n of them, and its losses."""

    def __init__(self, network: VideoMatting, in_bfloat16: bool) -> None:
        super().__init__()
        self.network, self.in_bfloat16 = network, in_bfloat16

    def forward(self, batch: MarkedBatch) -> dict[str, Tensor]:
        """Losses by name, each a scalar."""
        assert batch.trimaps is not None
        assert batch.backdrop is not None
        device, radius = batch.images.device.type, self.network.config.radius
        middles = slice(radius, batch.images.shape[1] - radius)
        with torch.autocast(device, torch.bfloat16, enabled=self.in_bfloat16):
            alpha = self._alphas(batch.images, batch.trimaps)
        with torch.autocast(device, enabled=False):
            truth, unknown = batch.alpha[:, middles], batch.trimaps[:, middles, 1:2]
            colours = (batch.foreground - batch.backdrop)[:, middles]
            return losses.matting(alpha.float(), truth.float(), unknown, colours.float())

    def _alphas(self, images: Tensor, trimaps: Tensor) -> Tensor:
        """Alpha (B, T-2n, 1, H, W) of images and trimaps (B, T, 3, H, W)."""
        outer, radius = tuple(images.shape[:2]), self.network.config.radius
        maps = self.network.look(images.flatten(0, 1), trimaps.flatten(0, 1))
        split = [torch.unflatten(one, 0, outer) for one in maps]
        frames = [Features(*(one[:, at] for one in split)) for at in range(outer[1])]
        windows = (frames[at - radius : at + radius + 1] for at in range(radius, outer[1] - radius))
        return torch.stack([self.network(window) for window in windows], dim=1)


class PropagationTask(nn.Module):
    """Trimaps of all frames but the first, carried over from the first, and their loss."""

    def __init__(self, network: TrimapPropagation, in_bfloat16: bool) -> None:
        super().__init__()
        self.network, self.in_bfloat16 = network, in_bfloat16

    def forward(self, batch: MarkedBatch) -> dict[str, Tensor]:
        """The loss by name."""
        assert batch.trimaps is not None
        device = batch.images.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.in_bfloat16):
            reference = self.network.remember(batch.images[:, 0], batch.trimaps[:, 0])
            later = batch.images.shape[1] - 1
            kept = type(reference)(*(one.repeat_interleave(later, dim=0) for one in reference))
            logits = self.network(batch.images[:, 1:].flatten(0, 1), kept)
        with torch.autocast(device, enabled=False):
            return {"classes": losses.classes(logits.float(), batch.trimaps[:, 1:].flatten(0, 1))}
