"""The kernels compute what the processor's path computes, within a grey level or two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rimlight.compose import Backing, EdgeOptions
from rimlight.gpu import BINDINGS, installed
from rimlight.gpu.driver import Driver
from rimlight.gpu.layout import Form, picture_bytes, status_offset
from rimlight.gpu.resources import Module
from rimlight.pixels import Shrinker, to_i420
from rimlight.realtime.session import Matter, Settings
from rimlight.realtime.sources import open_source
from rimlight.signature import internal_size
from rimlight.types import I420, Coefficients, Pixels, Size

from ..conftest import need
from ..test_pixels import picture
from .rig import Rig, apart, expected, plain, wild

FORMS: list[Form] = ["rgb", "rgba", "i420"]
SIZES = [
    (Size(97, 131), Size(64, 80)),  # odd both ways: no line of pixels begins at a whole word
    (Size(108, 196), Size(64, 112)),
    (Size(61, 33), Size(96, 64)),  # smaller than the network's picture
    (Size(96, 128), Size(96, 128)),
]
EDGES = [
    EdgeOptions(),
    EdgeOptions(shift=-1, decontaminate=False),
    EdgeOptions(feather_px=3, shift=-0.4),
    EdgeOptions(feather_px=60, shift=0.7),  # reaches further than the picture, which is mirrored more than once
]
quick = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def binding() -> str:
    """Any one: what kernels compute does not depend on it."""
    there = [name for name in BINDINGS if installed(name)]
    need("cuda-python", bool(there), f"none of {', '.join(BINDINGS)} is installed")
    return there[0]


@contextmanager
def rig(driver: Driver, kernels: Module, full: Size, small: Size) -> Iterator[Rig]:
    opened = Rig(driver, kernels, full, small)
    try:
        yield opened
    finally:
        opened.close()


def sources_of(full: Size) -> dict[str, Pixels]:
    """A frame in every form; muted as planes, since the mean of saturated ones is clamped as a whole."""
    planes = to_i420(picture(full.height, full.width) // 3 + 80)
    return {
        "rgb": picture(full.height, full.width),
        "i420": planes,
        "bt601": I420(planes.y, planes.u, planes.v, bt709=False),
        "full range": I420(planes.y, planes.u, planes.v, full_range=True),
    }


def backdrops_of(full: Size, small: Size) -> dict[str, Backing]:
    sharp = picture(full.height, full.width, 9) // 2 + 60
    soft = np.random.default_rng(3).random((3, small.height, small.width)).astype(np.float32)
    return {"none": None, "sharp": sharp, "planes": to_i420(sharp), "soft": soft}


@pytest.mark.parametrize(("full", "small"), SIZES)
@pytest.mark.parametrize("source", ["rgb", "i420", "bt601", "full range"])
def test_the_pass_equals_the_processors(
    driver: Driver, kernels: Module, full: Size, small: Size, source: str
) -> None:  # fmt: skip
    pixels, coefficients = sources_of(full)[source], wild(small)
    with rig(driver, kernels, full, small) as here:
        here.matte(2, pixels, number=7)
        here.say(2, coefficients)
        for name, behind in backdrops_of(full, small).items():
            for form in FORMS:
                for edges in EDGES:
                    found = here.paint(2, behind, form, edges)
                    wanted = expected(full, pixels, coefficients, behind, form, edges)
                    # planes before planes are turned to RGB and back by the processor where a run shows somebody
                    tolerance = 3 if name == "planes" and form == "i420" else 1
                    assert apart(found.picture, wanted) <= tolerance, (name, form, edges)
                    assert (found.number, found.not_finite) == (7, 0)


@pytest.mark.parametrize("strength", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize(("full", "small"), [SIZES[0], (Size(270, 480), Size(288, 512))])
def test_the_blurred_scene_equals_the_processors(
    driver: Driver, kernels: Module, full: Size, small: Size, strength: float
) -> None:  # fmt: skip
    pixels, coefficients, edges = picture(full.height, full.width), wild(small), EdgeOptions(shift=0.3)
    with rig(driver, kernels, full, small) as here:
        here.matte(0, pixels)
        here.say(0, coefficients)
        found = here.paint(0, None, "rgb", edges, blur=strength)
    assert apart(found.picture, expected(full, pixels, coefficients, None, "rgb", edges, strength)) <= 1


@pytest.mark.parametrize(("full", "small"), [*SIZES, (Size(720, 1280), Size(288, 512)), (Size(63, 31), Size(96, 16))])
@pytest.mark.parametrize("source", ["rgb", "i420", "bt601", "full range"])
def test_the_small_picture_equals_the_processors(
    driver: Driver, kernels: Module, full: Size, small: Size, source: str
) -> None:  # fmt: skip
    pixels = sources_of(full)[source]
    with rig(driver, kernels, full, small) as here:
        here.matte(1, pixels)
        assert np.abs(here.images(1) - Shrinker(full, small)(pixels)).max() < 1e-6


@pytest.mark.parametrize("full", [Size(6, 16384), Size(16384, 6)])
def test_the_longest_lines_are_placed_without_a_loss(driver: Driver, kernels: Module, full: Size) -> None:
    small = internal_size(full)
    pixels, coefficients, behind = picture(full.height, full.width), wild(small), picture(full.height, full.width, 3)
    with rig(driver, kernels, full, small) as here:
        here.matte(0, pixels)
        assert np.abs(here.images(0) - Shrinker(full, small)(pixels)).max() < 1e-6
        here.say(0, coefficients)
        found = here.paint(0, behind, "rgb").picture
    assert apart(found, expected(full, pixels, coefficients, behind, "rgb", EdgeOptions())) <= 1


def test_frames_of_a_clip_before_every_backdrop_equal_the_processors(
    driver: Driver, kernels: Module, shared: Path
) -> None:  # fmt: skip
    matter = Matter(Settings(backend="onnx", long_side=256))
    with open_source(str(shared / "clips" / "webcam.mp4")) as source:
        frames = [frame for frame, _ in zip(source, range(3), strict=False)]
    matted = [matter.matte([frame])[0] for frame in frames]
    full, small, edges = frames[0].size, matted[0].coefficients.size, EdgeOptions(feather_px=1.5, shift=-0.2)
    with rig(driver, kernels, full, small) as here:
        for place, one in enumerate(matted):
            here.matte(place, one.frame.pixels, number=place)
            here.say(place, one.coefficients)
        for place, one in enumerate(matted):
            pixels, coefficients = one.frame.pixels, one.coefficients
            for name, behind in backdrops_of(full, small).items():
                found = here.paint(place, behind, "rgb", edges)
                assert apart(found.picture, expected(full, pixels, coefficients, behind, "rgb", edges)) <= 1, name
            found = here.paint(place, None, "i420", edges, blur=0.6)
            assert apart(found.picture, expected(full, pixels, coefficients, None, "i420", edges, 0.6)) <= 1
    matter.close()


sides = st.integers(2, 70)


@given(height=sides, width=sides, seed=st.integers(0, 9))
@quick
def test_where_alpha_is_one_the_frame_is_untouched(
    driver: Driver, kernels: Module, height: int, width: int, seed: int
) -> None:  # fmt: skip
    full, small = Size(height, width), Size(32, 48)
    pixels, behind = picture(height, width, seed), picture(height, width, seed + 1)
    with rig(driver, kernels, full, small) as here:
        here.matte(0, pixels)
        here.say(0, plain(small, 1))
        assert apart(here.paint(0, behind, "rgb").picture, pixels) == 0


@given(height=sides, width=sides, seed=st.integers(0, 9))
@quick
def test_where_alpha_is_zero_a_backdrop_of_the_same_form_is_untouched(
    driver: Driver, kernels: Module, height: int, width: int, seed: int
) -> None:  # fmt: skip
    full, small = Size(height, width), Size(32, 48)
    behind = picture(height, width, seed + 1)
    planes = to_i420(behind)
    with rig(driver, kernels, full, small) as here:
        here.matte(0, picture(height, width, seed))
        here.say(0, plain(small, 0))
        assert apart(here.paint(0, behind, "rgb").picture, behind) == 0
        assert apart(here.paint(0, planes, "i420").picture, planes) == 0


@given(height=sides, width=sides, form=st.sampled_from(FORMS))
@quick
def test_between_picture_and_status_nothing_is_written(
    driver: Driver, kernels: Module, height: int, width: int, form: Form
) -> None:  # fmt: skip
    full, small = Size(height, width), Size(32, 32)
    with rig(driver, kernels, full, small) as here:
        here.matte(0, np.full((height, width, 3), 255, np.uint8))
        here.say(0, plain(small, 1))
        here.paint(0, None, form)
        driver.clear(here.passes._targets[form].picture, here.stream)
        here.paint(0, None, form)
        room = here.passes.downloaded(form)
    assert room[: picture_bytes(full, form)].all()
    assert not room[picture_bytes(full, form) : status_offset(full, form)].any()


@given(
    cells=st.lists(st.integers(0, 8 * 32 * 48 - 1), unique=True, max_size=20),
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
)
@quick
def test_every_coefficient_that_is_no_number_is_counted(
    driver: Driver, kernels: Module, cells: list[int], value: float
) -> None:  # fmt: skip
    full, small = Size(54, 96), Size(32, 48)
    flat = np.stack([wild(small).scale, wild(small).offset])
    flat.reshape(-1)[cells] = value
    with rig(driver, kernels, full, small) as here:
        here.matte(0, picture(full.height, full.width))
        here.say(0, Coefficients(*flat))
        for edges in (EdgeOptions(), EdgeOptions(feather_px=2)):
            assert here.paint(0, None, "rgb", edges).not_finite == len(cells)


def test_a_network_that_wrote_nothing_is_counted_whole(driver: Driver, kernels: Module) -> None:
    full, small = Size(54, 96), Size(32, 48)
    with rig(driver, kernels, full, small) as here:
        here.matte(3, picture(full.height, full.width))
        here.say(3, wild(small))
        here.matte(3, picture(full.height, full.width))
        assert here.paint(3, None, "rgb").not_finite == 8 * small.height * small.width


def test_the_ellipse_is_opencvs() -> None:
    lines = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9)).sum(1)
    assert [int(line) // 2 for line in lines] == [0, 3, 3, 4, 4, 4, 3, 3, 0]
