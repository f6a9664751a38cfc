"""Maps do to points what they say, and pictures follow their points."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from rimlight.training.synthesis import warp


def picture(height: int = 12, width: int = 16) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_points_move_as_the_maps_say() -> None:
    assert warp.moved(warp.shift(2, 3), (1, 1)).tolist() == [[3, 4]]
    assert warp.moved(warp.stretch(2, -1), (3, 4)).tolist() == [[6, -4]]
    assert warp.moved(warp.turn(90), (0, 1)) == pytest.approx(np.array([[1, 0]]))  # right goes down: clockwise
    assert warp.moved(warp.slant(0.5), (4, 1)).tolist() == [[4, 3]]
    assert warp.moved(warp.about(warp.turn(180), 5, 6), (5, 6)) == pytest.approx(np.array([[5, 6]]))


def test_maps_take_a_value_for_every_frame() -> None:
    maps = warp.shift([0.0, 1.0, 2.0], 5)
    assert maps.shape == (3, 3, 3)
    assert warp.moved(maps, (1, 1))[:, 0].tolist() == [[1, 6], [2, 6], [3, 6]]


def test_a_map_and_its_inverse_are_nothing() -> None:
    maps = np.asarray(warp.shift(3, 4) @ warp.turn(30) @ warp.stretch(2, 0.5))
    assert maps @ warp.inverse(maps) == pytest.approx(np.eye(3))
    assert warp.enlargement(maps[None]) == pytest.approx(1)


def test_the_map_that_moves_nothing_shows_the_picture() -> None:
    seen = warp.seen(picture(), np.eye(3)[None], (12, 16))
    assert torch.allclose(seen, picture(), atol=1e-6)


def test_whole_pixels_of_shift_move_pixels_and_leave_nothing_behind() -> None:
    seen = warp.seen(picture(), warp.shift([2.0, 0.0], [3.0, -1.0]), (12, 16))
    assert torch.allclose(seen[0, :, 2:, 3:], picture()[0, :, :-2, :-3], atol=1e-6)
    assert torch.allclose(seen[1, :, :, :-1], picture()[0, :, :, 1:], atol=1e-6)
    assert seen[0, :, :2].abs().max() == 0
    assert seen[0, :, :, :3].abs().max() == 0


def test_a_mirror_is_exact() -> None:
    mirrored = np.asarray(warp.shift(0, 16) @ warp.stretch(1, -1))
    assert torch.allclose(warp.seen(picture(), mirrored[None], (12, 16)), picture().flip(3), atol=1e-6)


def test_reflection_fills_what_is_outside() -> None:
    seen = warp.seen(picture(), warp.shift([0.0], 4.0), (12, 16), outside="reflection")
    assert torch.allclose(seen[0, :, :, :4], picture()[0, :, :, :4].flip(2), atol=1e-6)


@pytest.mark.parametrize("step", [2, 3, 5])
def test_a_reduction_averages_all_pixels(step: int) -> None:
    """A pattern of single pixels becomes grey; picking every second one would leave it black or white."""
    y, x = np.mgrid[:60, :60]
    checks = torch.from_numpy(((x + y) % 2).astype(np.float32))[None, None]
    seen = warp.seen(checks, warp.stretch([1 / step], 1 / step), (60 // step, 60 // step))
    inner = seen[:, :, 1:-1, 1:-1]
    assert inner.min() > 0.4
    assert inner.max() < 0.6
    assert inner.mean() == pytest.approx(0.5, abs=0.01)


def test_reduction_does_not_move_the_picture_even_where_sides_do_not_divide() -> None:
    slope = torch.arange(31, dtype=torch.float32).add(0.5).expand(1, 1, 31, 31)
    seen = warp.seen(slope, warp.stretch([1 / 3], 1 / 3), (10, 10))
    expected = (torch.arange(10) + 0.5) * 3
    assert torch.allclose(seen[0, 0, 5, 1:9], expected[1:9], atol=1e-3)


def test_a_still_becomes_as_many_frames_as_there_are_maps_and_a_clip_keeps_its_order() -> None:
    clip = torch.stack([torch.full((1, 4, 4), float(value)) for value in range(3)])
    seen = warp.seen(clip, np.broadcast_to(np.eye(3), (3, 3, 3)), (4, 4))
    assert seen[:, 0, 1, 1].tolist() == [0, 1, 2]
    assert warp.seen(picture(), warp.shift([0.0, 0.0, 0.0], 0), (5, 6)).shape == (3, 3, 5, 6)


def test_the_last_pixels_are_seen_where_sides_do_not_divide() -> None:
    white = torch.ones(1, 1, 32, 32)
    assert warp.seen(white, warp.stretch([1 / 3], 1 / 3), (11, 11)).min() == pytest.approx(1)
