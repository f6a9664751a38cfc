"""Things lie in the backdrop and move with it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rimlight.training.synthesis import warp
from rimlight.training.synthesis.clutter import KINDS, cluttered, colour
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.pool import Pool

STILL = np.broadcast_to(np.eye(3), (2, 3, 3))


def plain(frames: int = 2) -> torch.Tensor:
    return torch.full((frames, 3, 48, 64), 0.5)


def test_without_things_the_backdrop_stays(pool: Pool) -> None:
    assert torch.allclose(cluttered(Dice(1), plain(), STILL, pool.of("backdrop-still"), 0), plain())


def test_most_things_cover_some_of_the_backdrop_and_not_all(pool: Pool) -> None:
    shares = []
    for seed in range(40):
        seen = cluttered(Dice(seed), plain(), STILL, pool.of("backdrop-still"), 2)
        assert seen.shape == plain().shape
        assert 0 <= seen.min() <= seen.max() <= 1
        assert torch.allclose(seen[0], seen[1], atol=1e-5)
        shares.append(float(((seen - 0.5).abs().amax(dim=1) > 0.02).float().mean()))
    assert np.mean(np.array(shares) > 0.03) > 0.9
    assert np.mean(np.array(shares) > 0.95) < 0.2


def test_things_are_of_all_sorts(pool: Pool) -> None:
    pictures = [cluttered(Dice(seed), plain(1), STILL[:1], pool.of("backdrop-still"), 1) for seed in range(30)]
    spread = torch.cat(pictures).std(dim=0).mean()
    assert spread > 0.05
    assert {Dice(seed, 0).one(KINDS) for seed in range(60)} == set(KINDS)


def test_things_move_with_the_backdrop(pool: Pool) -> None:
    moving = warp.shift([0.0, 3.0], [0.0, 5.0])
    moved = 0
    for seed in range(10):
        seen = cluttered(Dice(seed), plain(), moving, pool.of("backdrop-still"), 3)
        assert torch.allclose(seen[1, :, 3:, 5:], seen[0, :, :-3, :-5], atol=2e-3)
        moved += bool((seen[1] - seen[0]).abs().max() > 0.05)
    assert moved >= 8


def test_without_other_backdrops_things_are_drawn() -> None:
    seen = cluttered(Dice(3), plain(), STILL, [], 5)
    assert (seen - 0.5).abs().max() > 0.05


@pytest.mark.parametrize("part", [0, 1, 2])
def test_colours_fill_their_range(part: int) -> None:
    values = [colour(Dice(seed))[part] for seed in range(200)]
    assert 0 <= min(values) < 0.2
    assert 0.8 < max(values) <= 1
