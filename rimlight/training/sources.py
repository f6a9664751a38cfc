"""Where batches come from: the one question that training asks of data, and its answer out of data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from rimlight.errors import DataError
from rimlight.training.config import Config, Stage
from rimlight.training.data.items import Item
from rimlight.training.synthesis import clips
from rimlight.training.synthesis.clips import Batch
from rimlight.training.synthesis.pool import Pool

Opener = Callable[[Sequence[Item], torch.device, int], Pool]


class Batches(Protocol):
    """Batches of every stage, pure in (stage, step): asked twice, they are the same.

    stage: index of the config's stage. step: steps made since the start of the run. In several processes each has a
    source of its own that gives its share, every world-th clip of the same batch.
    """

    def prepare(self, stage: int) -> None:
        """Get ready for steps of a stage, which may take its time."""

    def clip(self, stage: int, step: int) -> Batch:
        """Clips by the stage's plan, on the device of training."""

    def photos(self, stage: int, step: int) -> tuple[Tensor, Tensor] | None:
        """Pictures (M, 3, H, W) and person masks (M, 1, H, W), 0..1; None where the plan has no photos."""


class Synthesised:
    """Clips made of the items of data sets.

    rank, world: which share of each batch. opener: makes the pool of items at a longest side. Pictures are decoded
    for the stage that needs them; only one pool is kept, and stages that want the same share it.
    Raises DataError where a stage's data has no items, or lacks what clips are made of.
    """

    def __init__(
        self, items: Sequence[Item], config: Config, device: torch.device,
        rank: int = 0, world: int = 1, opener: Opener = Pool,
    ) -> None:  # fmt: skip
        self._items, self._config, self._device = items, config, device
        self._share, self._opener = (rank, world), opener
        self._pool: Pool | None = None
        self._held: tuple[tuple[str, ...], int] | None = None

    def prepare(self, stage: int) -> None:
        """Decode what the stage needs."""
        self._pool_of(stage)

    def clip(self, stage: int, step: int) -> Batch:
        """The share of a step's clips."""
        plan = self._config.stages[stage].plan
        return clips.make(self._pool_of(stage), plan, step, self._config.seed, *self._share, stage)

    def photos(self, stage: int, step: int) -> tuple[Tensor, Tensor] | None:
        """The share of a step's photos."""
        plan = self._config.stages[stage].plan
        if not plan.photos:
            return None
        return clips.make_photos(self._pool_of(stage), plan, step, self._config.seed, *self._share, stage)

    def _pool_of(self, stage: int) -> Pool:
        own = self._config.stages[stage]
        wanted = (own.data, own.longest)
        if self._pool is None or self._held != wanted:
            self._pool = None  # its memory is needed for the next
            pool = self._opener(chosen(self._items, own), self._device, own.longest)
            clips.check(pool)
            self._pool, self._held = pool, wanted
        return self._pool


def chosen(items: Sequence[Item], stage: Stage) -> list[Item]:
    """Items whose keys begin as the stage wants; raises DataError if there is none for one of its beginnings."""
    for beginning in stage.data:
        if not any(item.key.startswith(beginning) for item in items):
            raise DataError(
                f"stage {stage.name!r}: expected items whose keys begin with {beginning!r}, there is none among "
                f"{len(items)}, the first being {items[0].key if items else 'none'}; add that data, or change data"
            )
    return [item for item in items if not stage.data or item.key.startswith(stage.data)]
