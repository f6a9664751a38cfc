"""The project's own packed data, a few items of every kind, through the whole way."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rimlight.training.data.items import Item
from rimlight.training.data.layouts import packed
from rimlight.training.synthesis.clips import make, make_photos
from rimlight.training.synthesis.plan import Plan
from rimlight.training.synthesis.pool import Pool

EACH = 3
FRAMES = 3


@pytest.fixture(scope="module")
def real_pool(shared: Path) -> Pool:
    kinds: dict[str, list[Item]] = defaultdict(list)
    for item in packed.find(shared / "data" / "train"):
        kinds[item.kind].append(item)
    few = [item for found in kinds.values() for item in found[:: max(1, len(found) // EACH)][:EACH]]
    return Pool([replace(item, images=item.images[:FRAMES], alphas=item.alphas[:FRAMES]) for item in few], longest=320)


def test_packed_data_make_batches(real_pool: Pool) -> None:
    plan = Plan((96, 160), 12, 2, photos=4)
    batch = make(real_pool, plan, 0, seed=1)
    assert batch.images.shape == (12, 2, 3, 96, 160)
    assert 0.1 < batch.images.mean() < 0.9
    assert 0.1 < batch.alpha.mean() < 0.7
    exact = (batch.alpha == 0) | (batch.alpha == 1)
    assert exact.float().mean() > 0.85
    images, masks = make_photos(real_pool, plan, 0, seed=1)
    assert images.shape == (4, 3, 96, 160)
    assert torch.isfinite(images).all()
    assert 0.02 < masks.mean() < 0.9


def test_people_have_heads_and_labels_are_exact(real_pool: Pool) -> None:
    for entry in real_pool.of("person-still", "person-clip", "scene-clip"):
        assert entry.alphas is not None
        assert all(found and 0.05 < found.head / entry.size[0] < 1 for found in entry.outlines)
        counts = torch.bincount(entry.alphas.flatten().long(), minlength=256)
        assert (counts[0] + counts[255]) > 0.85 * counts.sum()
