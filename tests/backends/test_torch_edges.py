"""What is done with small maps on the device, against the host's: shrinking, edges, the blurred scene."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import cv2
import numpy as np
import pytest

from rimlight.compose import EdgeOptions, adjust_edges, blurred, low_alpha
from rimlight.gpu.layout import HEADER_BYTES, form_of, pack_upload, picture_bytes
from rimlight.pixels import Shrinker, to_i420
from rimlight.types import Coefficients, FloatArray, Pixels, Size

from ..test_pixels import picture

if find_spec("torch") is None:
    pytest.skip("the torch extra is not installed", allow_module_level=True)

import torch

from rimlight.backends import torch_edges
from rimlight.backends.torch_pictures import Shrinking, Uploaded

SMALL = Size(48, 80)


def uploaded(pixels: Pixels, size: Size) -> Uploaded:
    form = form_of(pixels)
    room = np.zeros(HEADER_BYTES + picture_bytes(size, form), np.uint8)
    pack_upload(pixels, room, 7, 1.0)
    return Uploaded.of(torch.from_numpy(room), size, form)


def scene(seed: int = 3) -> tuple[FloatArray, Coefficients]:
    """A small frame (3, h, w), and coefficients whose alpha is a soft disc."""
    small = np.random.default_rng(seed).random((3, SMALL.height, SMALL.width), np.float32)
    y, x = np.mgrid[0 : SMALL.height, 0 : SMALL.width].astype(np.float32)
    disc = np.clip((18 - np.hypot(y - 25, x - 45)) / 6 + 0.5, 0, 1)
    scale, offset = np.full((2, 4, SMALL.height, SMALL.width), 0.1, np.float32)
    offset[3] = disc
    return small, Coefficients(scale, offset)


def tensors(small: FloatArray, found: Coefficients) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.from_numpy(found.scale), torch.from_numpy(found.offset), torch.from_numpy(small)


@pytest.mark.parametrize("size", [Size(90, 160), Size(63, 113), Size(20, 30), Size(301, 7)])
@pytest.mark.parametrize("form", ["rgb", "i420", "bt601"])
def test_frames_shrink_as_on_the_host(size: Size, form: str) -> None:
    image = np.ascontiguousarray(picture(size.height + 2, size.width + 2)[: size.height, : size.width])
    pixels: Pixels = image
    if form != "rgb":
        pixels = to_i420(image)
        pixels = pixels if form == "i420" else replace(pixels, bt709=False, full_range=True)
    out = torch.zeros(3, SMALL.height, SMALL.width)
    Shrinking(size, SMALL, out.device)(uploaded(pixels, size), out)
    assert np.abs(out.numpy() - Shrinker(size, SMALL)(pixels)).max() < 1e-5


def test_the_header_tells_the_frames_number_and_rule() -> None:
    frame = uploaded(picture(10, 12), Size(10, 12))
    assert frame.number.item() == 7
    assert frame.own.item() == 1


@pytest.mark.parametrize(
    "options",
    [EdgeOptions(), EdgeOptions(0.1), EdgeOptions(4), EdgeOptions(60), EdgeOptions(0, 1), EdgeOptions(5, -0.7)],
)
def test_edges_are_treated_as_on_the_host(options: EdgeOptions) -> None:
    small, found = scene()
    full = Size(480, 800)
    expected = adjust_edges(found, small, full, options)
    scale, offset = torch_edges.adjusted(*tensors(small, found), full, options)
    assert np.abs(scale.numpy() - expected.scale).max() < 1e-5
    assert np.abs(offset.numpy() - expected.offset).max() < 1e-5


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("longer", [1, 4])
def test_the_scene_is_blurred_as_on_the_host(strength: float, longer: int) -> None:
    small, found = scene()
    small = np.ascontiguousarray(np.tile(small, (1, 1, longer)))  # long enough that the blur works at half the size
    found = Coefficients(np.tile(found.scale, (1, 1, longer)), np.tile(found.offset, (1, 1, longer)))
    expected = blurred(small, low_alpha(found, small), strength)
    assert np.abs(torch_edges.blurred(*tensors(small, found), strength).numpy() - expected).max() < 1e-4


def test_rectangles_make_the_ellipse_that_opencv_dilates_by() -> None:
    alpha = np.random.default_rng(1).random((40, 50), np.float32)
    expected = cv2.dilate(alpha, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)))
    assert np.array_equal(torch_edges.dilated(torch.from_numpy(alpha)).numpy(), expected)


@pytest.mark.parametrize(("twice", "border"), [(False, cv2.BORDER_REFLECT_101), (True, cv2.BORDER_REFLECT)])
@pytest.mark.parametrize("sigma", [0.1, 2.0, 30.0])
def test_a_matrix_is_opencvs_gaussian_even_where_it_reaches_over_the_picture(
    sigma: float, twice: bool, border: int
) -> None:  # fmt: skip
    x = np.random.default_rng(1).random((16, 40), np.float32)
    found = torch_edges.smoothed(torch.from_numpy(x), sigma, edge_twice=twice).numpy()
    assert np.abs(found - cv2.GaussianBlur(x, (0, 0), sigma, borderType=border)).max() < 1e-5
