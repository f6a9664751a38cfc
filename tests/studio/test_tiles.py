"""Tiles cover a picture, their weights sum to one, and nothing shows where they meet."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.studio.networks import STRIDE
from rimlight.studio.tiles import OVERLAP, tiling_of
from rimlight.studio.trimaps import UNKNOWN
from rimlight.studio.window import Marked, Window
from rimlight.types import Size

from .films import picture, true_trimap
from .standin import REACH, BoxMatter


@given(
    height=st.integers(1, 900), width=st.integers(1, 900), side=st.integers(80, 300), overlap=st.integers(1, 60),
    whole=st.integers(1, 10_000),
)  # fmt: skip
def test_weights_sum_to_one_everywhere(height: int, width: int, side: int, overlap: int, whole: int) -> None:
    tiling = tiling_of(Size(height, width), whole=whole, side=side, overlap=overlap)
    total = np.zeros((tiling.padded.height, tiling.padded.width))
    for tile in tiling.tiles:
        assert tile.weight.shape == (tile.rows.stop - tile.rows.start, tile.columns.stop - tile.columns.start)
        assert all(side % STRIDE == 0 for side in tile.weight.shape)
        assert tile.weight.min() >= 0
        total[tile.at] += tile.weight
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert tiling.padded.height >= height
    assert tiling.padded.width >= width


@pytest.mark.parametrize(("height", "width"), [(1080, 1920), (2160, 3840), (1920, 1080)])
def test_neighbours_share_as_much_as_asked(height: int, width: int) -> None:
    tiles = tiling_of(Size(height, width)).tiles
    for starts, stops in (
        (sorted({tile.rows.start for tile in tiles}), sorted({tile.rows.stop for tile in tiles})),
        (sorted({tile.columns.start for tile in tiles}), sorted({tile.columns.stop for tile in tiles})),
    ):
        assert all(stop - start >= OVERLAP for start, stop in zip(starts[1:], stops, strict=False))


def test_padding_mirrors_and_cropping_takes_it_away() -> None:
    tiling = tiling_of(Size(50, 70))
    image = picture(0, 50, 70)
    padded = tiling.pad(image)
    assert padded.shape[:2] == (64, 80)
    assert np.array_equal(padded[50], padded[49])
    assert np.array_equal(tiling.crop(padded[:, :, 0].astype(np.float32)), image[:, :, 0])


def alphas(size: Size, whole: int, band: int = 40) -> np.ndarray:
    image, trimap = picture(3, size.height, size.width), true_trimap(3, size.height, size.width, band)
    tiling = tiling_of(size, whole=whole, side=128, overlap=4 * REACH)
    window = Window(BoxMatter(radius=1), tiling)
    return window.alpha(0, [0, 0, 0], lambda _: Marked(image, trimap))


def test_tiles_give_what_the_whole_picture_gives() -> None:
    size = Size(240, 400)
    tiled, whole = alphas(size, 1), alphas(size, 10**9)
    assert len(tiling_of(size, whole=1, side=128, overlap=4 * REACH).tiles) > 6
    # A tile's edge sees a mirrored picture; there it has little weight, and none where the reach ends.
    assert np.abs(tiled - whole).max() < 0.03
    assert np.abs(tiled - whole).mean() < 0.001


def test_no_seam_is_seen_where_tiles_meet() -> None:
    size = Size(240, 400)
    tiled, whole = alphas(size, 1, band=48), alphas(size, 10**9, band=48)
    steps = np.abs(np.diff(tiled, axis=1) - np.diff(whole, axis=1))
    assert steps.max() < 2.5 / 255


def test_tiles_in_which_all_is_known_are_not_looked_at() -> None:
    size, trimap = Size(240, 400), np.zeros((240, 400), np.uint8)
    cv2.circle(trimap, (30, 30), 8, UNKNOWN, cv2.FILLED)
    matter = BoxMatter(radius=1)
    window = Window(matter, tiling_of(size, whole=1, side=128, overlap=24))
    alpha = window.alpha(0, [0, 0, 0], lambda _: Marked(picture(0, 240, 400), trimap))
    assert matter.mats == matter.looks == 1
    assert (alpha[trimap == 0] == 0).all()
    assert (alpha[trimap == UNKNOWN] > 0).all()
