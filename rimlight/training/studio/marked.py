"""Batches with trimaps, cropped around unknown pixels: what any source of clips gives, made ready for the studio.

Letters: B clips, T frames, H, W size of the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rimlight.training.config import Config
from rimlight.training.losses import SURE
from rimlight.training.sources import Batches
from rimlight.training.studio import trimaps
from rimlight.training.studio.marks import Marks
from rimlight.training.synthesis.clips import Batch
from rimlight.training.synthesis.dice import Dice


@dataclass(frozen=True, slots=True)
class MarkedBatch(Batch):
    """Clips with trimaps (B, T, 3, H, W), one-hot: backdrop, unknown, foreground."""

    trimaps: Tensor | None = None


class Marked:
    """A source of batches like another, with trimaps and crops by each stage's marks.

    rank, world: which share of each batch the other source gives.
    """

    def __init__(self, source: Batches, config: Config, rank: int = 0, world: int = 1) -> None:
        self._source, self._config, self._rank, self._world = source, config, rank, world

    def prepare(self, stage: int) -> None:
        """Decode what the stage needs."""
        self._source.prepare(stage)

    def clip(self, stage: int, step: int) -> MarkedBatch:
        """The share of a step's clips."""
        marks = self._config.stages[stage].marks
        assert marks is not None
        batch = self._source.clip(stage, step)
        assert batch.backdrop is not None
        parts = []
        for index in range(len(batch.images)):
            dice = Dice(self._config.seed, stage, step, "marks", self._rank + index * self._world)
            drawn = trimaps.drawn(dice, batch.alpha[index], marks)
            pictures = torch.cat([batch.images[index], batch.foreground[index], batch.backdrop[index]], dim=1)
            joined = torch.cat([pictures, batch.alpha[index]], dim=1)  # (T, 10, H, W)
            parts.append(cropped(dice.of("crop"), joined, drawn, marks))
        joined, marked = (torch.stack(group) for group in zip(*parts, strict=True))
        images, foreground, backdrop, alpha = (joined[:, :, at : at + 3] for at in (0, 3, 6, 9))
        return MarkedBatch(images, alpha, foreground, batch.real, backdrop, marked)

    def photos(self, stage: int, step: int) -> tuple[Tensor, Tensor] | None:  # noqa: ARG002
        """None: there is no segmentation head."""
        return None


def cropped(dice: Dice, pictures: Tensor, trimap: Tensor, marks: Marks) -> tuple[Tensor, Tensor]:
    """The same square of all frames around an unknown pixel of the middle one, resized; all of it without crops.

    pictures (T, C, H, W), the last channel alpha; trimap (T, 3, H, W). Where nothing is unknown the square lies
    anywhere; where the frame is smaller, it is the largest that fits.
    """
    if not marks.crops:
        return pictures, trimap
    height, width = pictures.shape[2:]
    side = min(dice.one(marks.crops), height, width)
    y, x = _centre(dice, trimap[len(trimap) // 2, 1], pictures[len(pictures) // 2, -1])
    top, left = min(max(y - side // 2, 0), height - side), min(max(x - side // 2, 0), width - side)
    window = (..., slice(top, top + side), slice(left, left + side))
    size = (marks.crop_to, marks.crop_to)
    if side == marks.crop_to:
        return pictures[window], trimap[window]
    resized = functional.interpolate(pictures[window], size, mode="bilinear", align_corners=False, antialias=True)
    return resized.clamp(0, 1), functional.interpolate(trimap[window], size, mode="nearest")


def _centre(dice: Dice, unknown: Tensor, alpha: Tensor) -> tuple[int, int]:
    """Row and column of a pixel: one of mixed alpha if there is any, else an unknown one, else any."""
    mixed = (alpha > SURE) & (alpha < 1 - SURE)
    for mask in (mixed, unknown > 0):
        places = mask.nonzero()
        if len(places):
            row, column = places[dice.index(len(places))].tolist()
            return row, column
    return dice.index(alpha.shape[0]), dice.index(alpha.shape[1])
