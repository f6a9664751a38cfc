"""Foreground colours and composites from an image and its matte."""

from __future__ import annotations

from contextlib import closing

import cv2
import numpy as np
import pytest

from rimlight.realtime.backdrops import open_backdrop
from rimlight.studio.foreground import foreground_of
from rimlight.studio.pictures import Finisher
from rimlight.types import I420, FloatArray, UInt8Array

RED, BLUE = np.array([220, 30, 40]), np.array([10, 60, 200])


def mixed(height: int = 120, width: int = 200) -> tuple[UInt8Array, FloatArray]:
    """A red disc with soft edges over blue."""
    alpha = cv2.circle(np.zeros((height, width), np.float32), (width // 2, height // 2), height // 4, 1, cv2.FILLED)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 4)
    image = alpha[:, :, None] * RED + (1 - alpha[:, :, None]) * BLUE
    return np.round(image).astype(np.uint8), alpha


def test_half_transparent_pixels_lose_the_colour_behind() -> None:
    image, alpha = mixed(360, 640)
    found = foreground_of(image, alpha)
    half = (alpha > 0.2) & (alpha < 0.8)
    before, after = (np.abs(one[half].astype(int) - RED).mean() for one in (image, found))
    assert after < before / 5


def test_opaque_pixels_keep_their_colour_exactly() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    alpha = np.ones((64, 64), np.float32)
    alpha[:, :20] = 0.4
    assert np.array_equal(foreground_of(image, alpha)[:, 20:], image[:, 20:])


def test_over_its_own_backdrop_a_picture_is_itself_again() -> None:
    image, alpha = mixed()
    with closing(open_backdrop("#{:02x}{:02x}{:02x}".format(*BLUE))) as backdrop:
        again = Finisher(backdrop, "rgb")(image, alpha, 0.0)
    assert isinstance(again, np.ndarray)
    assert np.abs(again.astype(int) - image).mean() < 1.5


@pytest.mark.parametrize("spec", ["blur", "green"])
def test_opaque_stays_and_transparent_shows_the_backdrop(spec: str) -> None:
    image, alpha = mixed()
    alpha[alpha < 0.02], alpha[alpha > 0.98] = 0, 1
    with closing(open_backdrop(spec)) as backdrop:
        painted = Finisher(backdrop, "rgb")(image, alpha, 0.0)
    assert isinstance(painted, np.ndarray)
    assert np.array_equal(painted[alpha == 1], image[alpha == 1])
    wanted = (0, 177, 64) if spec == "green" else BLUE
    assert np.abs(painted[2, 2].astype(int) - wanted).max() < 12


def test_alpha_goes_along_where_it_is_wanted_and_planes_where_they_are() -> None:
    image, alpha = mixed()
    with closing(open_backdrop("transparent")) as nothing, closing(open_backdrop("green")) as green:
        picture = Finisher(nothing, "rgba")(image, alpha, 0.0)
        planes = Finisher(green, "i420")(image, alpha, 0.0)
    assert isinstance(picture, np.ndarray)
    assert np.array_equal(picture[:, :, 3], np.round(alpha * 255))
    assert isinstance(planes, I420)
