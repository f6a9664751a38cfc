"""The drawn clips: the same on every call, divided among processes, and true to their own alpha."""

from __future__ import annotations

from dataclasses import replace

import torch

from rimlight.training.shapes import Shapes
from rimlight.training.synthesis.clips import Batch

from .runs import ALONE, IMAGES, TINY

CONFIG = replace(TINY, stages=(replace(IMAGES, plan=replace(IMAGES.plan, batch=8, frames=3, photos=4)),))


def tensors(batch: Batch) -> list[torch.Tensor]:
    return [batch.images, batch.alpha, batch.foreground, batch.real]


def test_a_step_has_the_same_clips_whenever_it_is_asked() -> None:
    one, two = Shapes(CONFIG, ALONE.device), Shapes(CONFIG, ALONE.device)
    two.clip(0, 0)
    assert all(torch.equal(a, b) for a, b in zip(tensors(one.clip(0, 5)), tensors(two.clip(0, 5)), strict=True))


def test_pictures_are_composed_of_their_foreground_and_alpha() -> None:
    batch = Shapes(CONFIG, ALONE.device).clip(0, 0)
    assert [tuple(tensor.shape) for tensor in tensors(batch)[:3]] == [(8, 3, n, 32, 48) for n in (3, 1, 3)]
    for tensor in tensors(batch)[:3]:
        assert tensor.dtype == torch.float32
        assert 0 <= float(tensor.min()) <= float(tensor.max()) <= 1
    inside = (batch.alpha == 1).expand_as(batch.images)
    assert torch.equal(batch.images[inside], batch.foreground[inside])
    shares = [float((batch.alpha == value).float().mean()) for value in (0, 1)]
    assert min(shares) > 0.1
    assert sum(shares) < 1
    assert batch.real.tolist() == [False, False, False, True] * 2


def test_clips_move() -> None:
    alpha = Shapes(CONFIG, ALONE.device).clip(0, 0).alpha
    assert bool(((alpha[:, 1:] - alpha[:, :-1]).abs().amax((1, 2, 3, 4)) > 0.1).all())


def test_processes_share_a_batch_without_gaps() -> None:
    whole = Shapes(CONFIG, ALONE.device)
    parts = [Shapes(CONFIG, ALONE.device, rank, 2) for rank in range(2)]
    joined = torch.stack([part.clip(0, 3).images for part in parts], dim=1).flatten(0, 1)
    assert torch.equal(joined, whole.clip(0, 3).images)
    photos = [part.photos(0, 3) for part in parts]
    wanted = whole.photos(0, 3)
    assert wanted is not None
    for at in range(2):
        assert torch.equal(torch.stack([two[at] for two in photos if two], dim=1).flatten(0, 1), wanted[at])
