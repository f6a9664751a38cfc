"""Trimaps hold the truth, their band is as wide as asked, and crops lie on unknown pixels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from rimlight.errors import ConfigError
from rimlight.training import systems
from rimlight.training.shapes import Shapes
from rimlight.training.studio import trimaps
from rimlight.training.studio.marked import MarkedBatch, cropped
from rimlight.training.studio.marks import Marks
from rimlight.training.synthesis.dice import Dice

from ..runs import ALONE
from .runs import MATTING


def step_at(column: int, width: int = 40) -> Tensor:
    """Alpha (1, 1, 8, W): foreground from a column on, one mixed pixel before it."""
    alpha = torch.zeros(1, 1, 8, width)
    alpha[..., column:] = 1
    alpha[..., column - 1] = 0.5
    return alpha


@pytest.mark.parametrize(("inwards", "outwards"), [(1, 1), (3, 5), (6, 2)])
def test_the_band_is_as_wide_as_asked(inwards: int, outwards: int) -> None:
    """The foreground loses as many pixels as asked, beside the mixed one; so does the backdrop."""
    backdrop, unknown, foreground = trimaps.made(step_at(20), inwards, outwards)[0, :, 0]
    assert foreground.tolist() == [0.0] * (20 + inwards) + [1.0] * (20 - inwards)
    assert backdrop.tolist() == [1.0] * (19 - outwards) + [0.0] * (21 + outwards)
    assert float(unknown.sum()) == 1 + inwards + outwards


def test_the_truth_never_contradicts_its_trimap() -> None:
    alpha = (torch.rand(3, 1, 40, 50) * 4 - 1.5).clamp(0, 1)
    marked = trimaps.made(alpha, 2, 1)
    assert torch.equal(marked.sum(1), torch.ones(3, 40, 50))
    assert set(marked.flatten().tolist()) <= {0.0, 1.0}
    assert bool((alpha[marked[:, :1] == 1] == 0).all())
    assert bool((alpha[marked[:, 2:] == 1] == 1).all())


def test_wider_bands_contain_narrower_ones() -> None:
    alpha = step_at(20)
    narrow, wide = trimaps.made(alpha, 2, 2), trimaps.made(alpha, 4, 3)
    assert bool((wide[:, 1] >= narrow[:, 1]).all())


def test_the_border_is_no_edge() -> None:
    """Who is cut by the picture's border is foreground up to it."""
    assert float(trimaps.made(torch.ones(1, 1, 20, 20), 5, 5)[:, 2].min()) == 1
    assert float(trimaps.made(torch.zeros(1, 1, 20, 20), 5, 5)[:, 0].min()) == 1


def test_kernels_and_iterations_come_to_a_reach() -> None:
    assert trimaps.reach_of(3, 5) == 5
    assert trimaps.reach_of(5, 15) == 30
    assert trimaps.reach_of(2, 5) == 2


def test_all_frames_of_a_clip_have_the_same_width() -> None:
    alpha = torch.cat([step_at(16), step_at(20), step_at(24)])
    found = trimaps.drawn(Dice("trimap"), alpha, Marks((2, 5), (1, 4)))[:, 1, 0].sum(1)
    assert len(set(found.tolist())) == 1


def numbered(height: int = 60, width: int = 90) -> tuple[Tensor, Tensor]:
    """Pictures (3, 4, H, W) that hold row and column, alpha last, with trimaps: a spot of mixed alpha.

    It is elsewhere in the middle frame than in the other two.
    """
    rows = torch.arange(height).view(-1, 1).expand(height, width) / height
    columns = torch.arange(width).expand(height, width) / width
    alphas = torch.zeros(3, height, width)
    alphas[1, 40:43, 70:73] = 0.5
    alphas[::2, 10:13, 20:23] = 0.5
    pictures = torch.stack([torch.stack([rows, columns, rows, alpha]) for alpha in alphas])
    return pictures, trimaps.made(pictures[:, 3:], 2, 2)


def test_crops_show_a_mixed_pixel_in_their_middle() -> None:
    pictures, trimap = numbered()
    for roll in range(10):
        found, marked = cropped(Dice(roll), pictures, trimap, Marks(crops=(16,), crop_to=16))
        assert found.shape == (3, 4, 16, 16)
        assert 0.4 < float(found[1, 3, 8, 8]) < 0.6
        assert float(marked[1, 1, 8, 8]) == 1


def test_without_mixed_pixels_crops_lie_on_unknown_ones() -> None:
    pictures, trimap = numbered()
    hard = pictures.clone()
    hard[:, 3] = (pictures[:, 3] > 0).float()
    _, marked = cropped(Dice(3), hard, trimap, Marks(crops=(16,), crop_to=16))
    assert float(marked[1, 1, 8, 8]) == 1


def test_crops_are_the_same_place_in_all_frames_and_maps() -> None:
    pictures, trimap = numbered()
    found, marked = cropped(Dice(1), pictures, trimap, Marks(crops=(24, 32), crop_to=16))
    assert torch.equal(found[0], found[2])
    assert torch.equal(marked.sum(1), torch.ones(3, 16, 16))
    assert bool((found[:, 3:][marked[:, :1] == 1] < 0.3).all())


def test_a_crop_larger_than_the_picture_is_the_largest_square() -> None:
    pictures, trimap = numbered()
    found, _ = cropped(Dice(0), pictures, trimap, Marks(crops=(500,), crop_to=60))
    assert float(found[0, 0].max() - found[0, 0].min()) == pytest.approx(59 / 60)


def test_without_crops_all_is_kept() -> None:
    pictures, trimap = numbered()
    found, marked = cropped(Dice(0), pictures, trimap, Marks())
    assert found is pictures
    assert marked is trimap


def marked_clip(step: int = 0, rank: int = 0, world: int = 1) -> MarkedBatch:
    source = systems.marked(Shapes(MATTING, ALONE.device, rank, world), MATTING, rank, world)
    batch = source.clip(0, step)
    assert isinstance(batch, MarkedBatch)
    return batch


def test_batches_are_the_same_when_asked_twice_and_shares_are_theirs() -> None:
    one, two = marked_clip(3), marked_clip(3)
    assert torch.equal(one.images, two.images)
    assert one.trimaps is not None
    assert two.trimaps is not None
    assert torch.equal(one.trimaps, two.trimaps)
    second = marked_clip(3, rank=1, world=2)
    assert torch.equal(second.images, one.images[1:])
    assert not torch.equal(one.images, marked_clip(4).images)


def test_marked_clips_are_still_composites() -> None:
    batch = marked_clip()
    assert batch.backdrop is not None
    composite = batch.alpha * batch.foreground + (1 - batch.alpha) * batch.backdrop
    assert float((composite - batch.images).abs().max()) < 0.05  # resizing parts is not resizing the whole
    assert batch.images.shape == (2, 4, 3, 32, 32)


def test_ranges_that_are_none_are_refused() -> None:
    for change in ({"kernels": (5, 2)}, {"iterations": (0, 3)}, {"crops": (0,)}, {"crop_to": 0}):
        with pytest.raises(ConfigError, match="expected"):
            replace(Marks(), **change)
