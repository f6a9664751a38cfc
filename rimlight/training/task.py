"""What one step computes: predictions of clips and photos, and their losses.

A module of its own, so that several processes wrap the whole step, and a compiler sees it.
Letters: B clips, T frames, M photos, H, W full size, h, w the network's size, H/factor.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rimlight.model.guided import guide_of
from rimlight.model.network import MattingNetwork, Output
from rimlight.training import losses
from rimlight.training.config import LossWeights
from rimlight.training.synthesis.clips import Batch

Photos = tuple[Tensor, Tensor]
MATTING = ("alpha", "pyramid", "composition", "foreground", "motion")
FULL = "full_"  # before the names of losses of the full picture
NAMES = (*MATTING, "coarse", "segmentation", *(FULL + name for name in MATTING))


class Task(nn.Module):
    """The network with its losses; the call's result has the losses that its inputs allow, each a scalar."""

    def __init__(self, network: MattingNetwork, in_bfloat16: bool) -> None:
        super().__init__()
        self.network = network
        self.in_bfloat16 = in_bfloat16

    def forward(self, batch: Batch, photos: Photos | None, factor: int) -> dict[str, Tensor]:
        """Losses by name. photos: pictures (M, 3, H, W) and masks (M, 1, H, W); factor: 0 without the full picture.

        With a factor the network sees the clips reduced by it, and losses are taken at both sizes.
        """
        device = batch.images.device.type
        small = _reduced(batch.images, max(factor, 1))
        with torch.autocast(device, torch.bfloat16, enabled=self.in_bfloat16):
            out = self.network.clip(small)
            coarse = self.network.coarse(out.read)
            logits = self._segmented(photos[0]) if photos else None
        with torch.autocast(device, enabled=False):
            found = _of_clips(out, coarse, batch, factor)
            if photos is not None and logits is not None:
                found["segmentation"] = losses.segmentation(logits, photos[1])
        return found

    def _segmented(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network.segment(self.network.clip(images[:, None]).hidden)
        return logits  # (M, 1, H, W)


def total(found: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """The weighted sum of losses, which is what is minimised."""
    summed = [weight_of(name, weights) * loss for name, loss in found.items()]
    return torch.stack(summed).sum()


def weight_of(name: str, weights: LossWeights) -> float:
    """What a loss of NAMES counts."""
    whole = weights.full if name.startswith(FULL) else 1.0
    own: float = getattr(weights, name.removeprefix(FULL))
    return whole * own


def filtered(scale: Tensor, offset: Tensor, images: Tensor) -> Tensor:
    """Foreground and alpha (B, T, 4, H, W) by the guided filter's coefficients, not clamped, float32.

    scale, offset (B, T, 4, h, w); images (B, T, 3, H, W). The same as rimlight.model.guided.refine before its clamp,
    which would leave predictions beyond 0..1 without a gradient.
    """
    size = images.shape[3:]
    guide = guide_of(images.flatten(0, 1).float())
    up_scale = functional.interpolate(scale.flatten(0, 1), size, mode="bilinear", align_corners=False)
    up_offset = functional.interpolate(offset.flatten(0, 1), size, mode="bilinear", align_corners=False)
    return torch.unflatten(up_scale * guide + up_offset, 0, tuple(images.shape[:2]))


def _of_clips(out: Output, coarse: Tensor, batch: Batch, factor: int) -> dict[str, Tensor]:
    full = losses.truth_of(batch.alpha, batch.foreground, batch.real)
    truth = losses.reduced(full, max(factor, 1))
    found = losses.matting(out.raw, truth)
    found["coarse"] = losses.direct(coarse, truth)
    if factor:
        refined = filtered(out.scale, out.offset, batch.images)
        found |= {FULL + name: loss for name, loss in losses.matting(refined, full).items()}
    return found


def _reduced(images: Tensor, factor: int) -> Tensor:
    if factor == 1:
        return images
    return torch.unflatten(functional.avg_pool2d(images.flatten(0, 1), factor), 0, tuple(images.shape[:2]))
