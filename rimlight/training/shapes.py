"""Clips drawn from formulas: a stand-in for data that shows in a minute whether training works at all.

A head on shoulders with a wavy, soft edge moves before a striped backdrop. Nothing is random, so that the same clips
come back on any machine and a network can learn them by heart.

Letters: B clips, T frames, M photos, H, W size of the pictures.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rimlight.training.config import Config
from rimlight.training.synthesis.clips import Batch

CLIPS = 8
NATURAL_EVERY = 4  # one clip in four counts as natural: its foreground's colour is not told
EDGE = 0.04  # width of the soft edge, as a share of the height
PHASES = (0.0, 2.1, 4.2)  # of red, green and blue


class Shapes:
    """A source of batches that gives CLIPS clips in turn.

    rank, world: which share of each batch.
    """

    def __init__(self, config: Config, device: torch.device, rank: int = 0, world: int = 1) -> None:
        self._plans = [stage.plan for stage in config.stages]
        self._device, self._rank, self._world = device, rank, world

    def prepare(self, stage: int) -> None:
        """Nothing is read."""

    def clip(self, stage: int, step: int) -> Batch:
        """The share of batch `step` by the stage's plan."""
        plan = self._plans[stage]
        numbers = self._numbers(plan.batch, step)
        drawn = [draw(number, plan.size, plan.frames, step) for number in numbers]
        images, alpha, foreground, backdrop = (
            torch.stack(parts).to(self._device) for parts in zip(*drawn, strict=True)
        )
        real = torch.tensor([number % NATURAL_EVERY == NATURAL_EVERY - 1 for number in numbers], device=self._device)
        return Batch(images, alpha, foreground, real, backdrop)

    def photos(self, stage: int, step: int) -> tuple[Tensor, Tensor] | None:
        """The share of photos of batch `step`, with masks."""
        plan = self._plans[stage]
        if not plan.photos:
            return None
        drawn = [draw(number, plan.size, 1, step) for number in self._numbers(plan.photos, step)]
        images = torch.cat([image for image, *_ in drawn]).to(self._device)
        masks = torch.cat([alpha for _, alpha, *_ in drawn]).to(self._device)
        return images, (masks > 0.5).float()

    def _numbers(self, count: int, step: int) -> list[int]:
        return [(step * count + index) % CLIPS for index in range(count)][self._rank :: self._world]


def draw(number: int, size: tuple[int, int], frames: int, step: int = 0) -> tuple[Tensor, ...]:
    """Images (T, 3, H, W), alpha (T, 1, H, W), foreground and backdrop (T, 3, H, W) of clip `number`, float32 0..1.

    step only tells where a still looks into the clip.
    """
    height, width = size
    y = torch.arange(height, dtype=torch.float64).view(-1, 1) / height
    x = (torch.arange(width, dtype=torch.float64).view(1, -1) - width / 2) / height
    first = step // CLIPS if frames == 1 else 0
    pictures = [_picture(number, 0.3 * (first + frame), y, x) for frame in range(frames)]
    return tuple(torch.stack(parts).float() for parts in zip(*pictures, strict=True))


def _picture(number: int, time: float, y: Tensor, x: Tensor) -> tuple[Tensor, ...]:
    centre_x = 0.2 * math.sin(number + time)
    centre_y = 0.42 + 0.04 * math.cos(1.7 * number + time)
    angle = torch.atan2(y - centre_y, x - centre_x)
    wave = 0.02 * torch.sin(7 * angle + number)
    head = 0.17 + 0.01 * (number % 3) + wave - torch.hypot(x - centre_x, 0.8 * (y - centre_y))
    body = 0.36 - torch.hypot(0.9 * (x - centre_x), y - 1.05)
    alpha = torch.clamp(torch.maximum(head, body) / EDGE + 0.5, 0, 1)[None]  # (1, H, W)
    foreground = _stripes(number, 9.0, y + 0.3 * x, 0.62)
    backdrop = _stripes(number + 3, 14.0, x - 0.4 * y + 0.02 * time, 0.38)
    return alpha * foreground + (1 - alpha) * backdrop, alpha, foreground, backdrop


def _stripes(number: int, waves: float, along: Tensor, grey: float) -> Tensor:
    colours = [grey + 0.25 * torch.sin(waves * along * (1 + 0.1 * number) + number + phase) for phase in PHASES]
    return torch.stack(colours)
