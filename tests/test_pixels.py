"""Conversions between colour spaces and sizes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.errors import FrameError
from rimlight.pixels import Shrinker, fill, read_picture, to_i420, to_rgb
from rimlight.types import I420, Size, UInt8Array

# 100 % colour bars in 8 bit, from the definitions of BT.709-6 and BT.601-7: (R, G, B), (Y, Cb, Cr)
Bars = list[tuple[tuple[int, int, int], tuple[int, int, int]]]
BARS_709: Bars = [((255, 255, 255), (235, 128, 128)), ((255, 0, 0), (63, 102, 240)), ((0, 255, 0), (173, 42, 26)),
            ((0, 0, 255), (32, 240, 118)), ((0, 0, 0), (16, 128, 128))]  # fmt: skip
BARS_601: Bars = [((255, 255, 255), (235, 128, 128)), ((255, 0, 0), (81, 90, 240)), ((0, 255, 0), (145, 54, 34)),
            ((0, 0, 255), (41, 240, 110)), ((0, 0, 0), (16, 128, 128))]  # fmt: skip


def picture(height: int, width: int, seed: int = 0) -> UInt8Array:
    """Smooth colours, as pictures have."""
    noise = np.random.default_rng(seed).integers(0, 256, (max(2, height // 8), max(2, width // 8), 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def flat(colour: tuple[int, int, int], height: int = 6, width: int = 8) -> UInt8Array:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.mark.parametrize(("rgb", "ycc"), BARS_709)
def test_rgb_becomes_bt709_limited(rgb: tuple[int, int, int], ycc: tuple[int, int, int]) -> None:
    planes = to_i420(flat(rgb))
    assert (planes.y[0, 0], planes.u[0, 0], planes.v[0, 0]) == pytest.approx(ycc, abs=1)


@pytest.mark.parametrize(("bars", "bt709"), [(BARS_709, True), (BARS_601, False)])
def test_planes_are_read_with_their_own_matrix(bars: Bars, bt709: bool) -> None:
    for rgb, (y, u, v) in bars:
        chroma = (np.full((3, 4), u, np.uint8), np.full((3, 4), v, np.uint8))
        found = to_rgb(I420(np.full((6, 8), y, np.uint8), *chroma, bt709=bt709))
        assert np.abs(found.astype(int) - rgb).max() <= 2


def test_full_range_white_is_white() -> None:
    grey = np.full((1, 1), 128, np.uint8)
    assert to_rgb(I420(np.full((2, 2), 255, np.uint8), grey, grey, full_range=True)).min() == 255


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_any_size_survives_the_way_to_planes_and_back(height: int, width: int) -> None:
    image = flat((200, 90, 40), height, width)
    back = to_rgb(to_i420(image))
    assert back.shape == image.shape
    assert np.abs(back.astype(int) - image).max() <= 3


def test_planes_already_right_are_not_copied() -> None:
    planes = to_i420(picture(16, 16))
    assert to_i420(planes) is planes


@pytest.mark.parametrize("sizes", [(Size(1080, 1920), Size(288, 512)), (Size(97, 131), Size(32, 48))])
def test_shrinking_is_an_area_average(sizes: tuple[Size, Size]) -> None:
    full, small = sizes
    image = picture(full.height, full.width)
    expected = cv2.resize(image.astype(np.float32) / 255, (small.width, small.height), interpolation=cv2.INTER_AREA)
    assert np.abs(Shrinker(full, small)(image) - expected.transpose(2, 0, 1)).max() < 1e-5


def test_enlarging_is_bilinear() -> None:
    image = picture(30, 40)
    expected = cv2.resize(image.astype(np.float32) / 255, (64, 48), interpolation=cv2.INTER_LINEAR)
    assert np.abs(Shrinker(Size(30, 40), Size(48, 64))(image) - expected.transpose(2, 0, 1)).max() < 1e-4


def test_shrinking_planes_equals_shrinking_their_rgb() -> None:
    image = picture(180, 320)
    planes = to_i420(image)
    shrink = Shrinker(Size(180, 320), Size(48, 80))
    from_planes = shrink(planes).copy()
    assert np.abs(from_planes - shrink(to_rgb(planes))).mean() < 0.003


def test_a_frame_of_another_size_is_refused() -> None:
    with pytest.raises(FrameError, match="expected a frame of 8x6, got 6x8"):
        Shrinker(Size(6, 8), Size(32, 32))(picture(8, 6))


@pytest.mark.parametrize("shape", [(50, 200), (200, 50), (7, 7)])
def test_fill_covers_the_size_without_stretching(shape: tuple[int, int]) -> None:
    image = np.zeros((*shape, 3), np.uint8)
    centre = (shape[0] // 2, shape[1] // 2)
    image[centre[0] - 2 : centre[0] + 3, centre[1] - 2 : centre[1] + 3] = 255
    filled = fill(image, Size(90, 160))
    assert filled.shape == (90, 160, 3)
    ys, xs = np.nonzero(filled[:, :, 0] > 127)
    spans = ys.max() - ys.min(), xs.max() - xs.min()
    if shape != (7, 7):
        assert abs(spans[0] - spans[1]) <= 0.15 * max(spans)


def test_bytes_that_are_no_picture_are_refused() -> None:
    for data in (b"", b"not a picture"):
        with pytest.raises(FrameError, match="expected a PNG, JPEG or WebP picture"):
            read_picture(data, "x.png")
