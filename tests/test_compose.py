"""The full-resolution pass against its definition in torch, and what edges and blur promise."""

from __future__ import annotations

import numpy as np
import pytest

from rimlight.compose import Backing, Compositor, EdgeOptions, adjust_edges, blurred, low_alpha
from rimlight.errors import FrameError
from rimlight.pixels import Shrinker, empty_i420, to_i420, to_rgb
from rimlight.types import I420, Coefficients, FloatArray, Size, UInt8Array

from .test_pixels import picture

FULL, SMALL = Size(108, 194), Size(64, 112)


def random_coefficients(seed: int = 1) -> Coefficients:
    """Smooth enough to be plausible, wild enough that both clamps bite."""
    random = np.random.default_rng(seed)
    shape = (4, SMALL.height, SMALL.width)
    return Coefficients(
        random.normal(0.6, 0.5, shape).astype(np.float32), random.normal(0.1, 0.4, shape).astype(np.float32)
    )


def person(alpha: FloatArray) -> Coefficients:
    """Coefficients that give exactly this matte (h, w), and the frame as foreground."""
    scale, offset = np.zeros((2, 4, SMALL.height, SMALL.width), np.float32)
    scale[:3], offset[3] = 1, alpha
    return Coefficients(scale, offset)


def by_definition(image: UInt8Array, coefficients: Coefficients) -> tuple[FloatArray, FloatArray]:
    """Foreground (H, W, 3) and alpha (H, W) of the plain torch formulas, with the rule for opaque pixels."""
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")
    from rimlight.model.guided import refine

    x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    foreground, alpha = refine(
        torch.from_numpy(coefficients.scale)[None], torch.from_numpy(coefficients.offset)[None], x
    )
    own = torch.clamp(alpha * 8 - 7, 0, 1)
    foreground = foreground + own * (x - foreground)
    return foreground[0].permute(1, 2, 0).numpy(), alpha[0, 0].numpy()


@pytest.mark.parametrize("seed", range(3))
def test_the_pass_equals_its_definition(seed: int) -> None:
    image, coefficients = picture(FULL.height, FULL.width, seed), random_coefficients(seed)
    foreground, alpha = by_definition(image, coefficients)
    found = Compositor(FULL, SMALL).matte(image, coefficients)
    assert np.abs(found.alpha - alpha).max() < 2e-5
    assert np.abs(found.foreground - foreground * 255).max() < 0.51


@pytest.mark.parametrize("kind", ["sharp", "soft"])
def test_the_composite_is_foreground_over_backdrop(kind: str) -> None:
    image, coefficients = picture(FULL.height, FULL.width), random_coefficients()
    foreground, alpha = by_definition(image, coefficients)
    backing: Backing
    if kind == "sharp":
        backing = picture(FULL.height, FULL.width, 7)
        behind = backing / np.float32(255)
    else:
        backing = np.full((3, SMALL.height, SMALL.width), 0.3, np.float32)
        behind = np.full((FULL.height, FULL.width, 3), 0.3, np.float32)
    out = np.zeros_like(image)
    Compositor(FULL, SMALL).compose(image, coefficients, backing, out)
    expected = alpha[:, :, None] * foreground + (1 - alpha[:, :, None]) * behind
    assert np.abs(out - expected * 255).max() < 1.01


def test_alpha_one_is_the_frame_and_alpha_zero_the_backdrop() -> None:
    image, backing = picture(FULL.height, FULL.width), picture(FULL.height, FULL.width, 9)
    out = np.zeros_like(image)
    compositor = Compositor(FULL, SMALL)
    compositor.compose(image, person(np.ones((SMALL.height, SMALL.width), np.float32)), backing, out)
    assert np.array_equal(out, image)
    compositor.compose(image, person(np.zeros((SMALL.height, SMALL.width), np.float32)), backing, out)
    assert np.array_equal(out, backing)


def test_planes_in_and_out_agree_with_rgb() -> None:
    image = picture(FULL.height, FULL.width) // 3 + 80  # muted: the mean of planes is not clamped channel by channel
    coefficients, backing = random_coefficients(), picture(FULL.height, FULL.width, 3)
    planes, out_planes = to_i420(image), empty_i420(FULL)
    compositor = Compositor(FULL, SMALL)
    compositor.compose(planes, coefficients, backing, out_planes)
    out = np.zeros_like(image)
    compositor.compose(to_rgb(planes), coefficients, backing, out)
    reference = to_i420(out)
    assert np.abs(out_planes.y.astype(int) - reference.y).max() <= 2
    assert np.abs(out_planes.u.astype(int) - reference.u).max() <= 2


def test_lines_wider_than_the_picture_make_no_difference() -> None:
    planes, coefficients = to_i420(picture(FULL.height, FULL.width)), random_coefficients()
    padded = []
    for plane in (planes.y, planes.u, planes.v):
        wide = np.full((plane.shape[0], plane.shape[1] + 13), 99, np.uint8)
        wide[:, : plane.shape[1]] = plane
        wide.flags.writeable = False  # as a decoder's memory
        padded.append(wide[:, : plane.shape[1]])
    strided = I420(*padded)
    compositor, shrink = Compositor(FULL, SMALL), Shrinker(FULL, SMALL)
    first, second = np.zeros((2, FULL.height, FULL.width, 3), np.uint8)
    compositor.compose(planes, coefficients, None, first)
    compositor.compose(strided, coefficients, None, second)
    assert np.array_equal(first, second)
    assert np.array_equal(to_rgb(planes), to_rgb(strided))
    assert np.array_equal(shrink(planes).copy(), shrink(strided))


def test_a_sharp_backdrop_may_be_planes() -> None:
    image, coefficients = picture(FULL.height, FULL.width), random_coefficients()
    backing = to_i420(picture(FULL.height, FULL.width, 5))
    compositor = Compositor(FULL, SMALL)
    from_planes, from_rgb = empty_i420(FULL), empty_i420(FULL)
    compositor.compose(image, coefficients, backing, from_planes)
    compositor.compose(image, coefficients, to_rgb(backing), from_rgb)
    assert np.abs(from_planes.y.astype(int) - from_rgb.y).max() <= 2
    assert np.abs(from_planes.u.astype(int) - from_rgb.u).mean() < 2


def test_rgba_holds_straight_alpha() -> None:
    image, coefficients = picture(FULL.height, FULL.width), random_coefficients()
    out = np.zeros((FULL.height, FULL.width, 4), np.uint8)
    compositor = Compositor(FULL, SMALL)
    compositor.compose(image, coefficients, None, out)
    matte = compositor.matte(image, coefficients)
    assert np.array_equal(out[:, :, :3], matte.foreground)
    assert np.abs(out[:, :, 3] - matte.alpha * 255).max() < 0.51


def test_without_decontamination_the_foreground_is_the_frame() -> None:
    image = picture(FULL.height, FULL.width)
    matte = Compositor(FULL, SMALL).matte(image, random_coefficients(), decontaminate=False)
    assert np.array_equal(matte.foreground, image)


@pytest.mark.parametrize("size", [Size(1, 1), Size(33, 1), Size(5, 301)])
def test_odd_and_tiny_frames_pass(size: Size) -> None:
    image = picture(size.height, size.width)[: size.height, : size.width]
    small = Size(32, 32)
    ones = np.ones((4, 32, 32), np.float32)
    coefficients = Coefficients(ones, ones * 0)
    out = empty_i420(size)
    Compositor(size, small).compose(to_i420(image), coefficients, None, out)
    assert out.y.shape == (size.height, size.width)


def disc(radius: float = 20) -> FloatArray:
    y, x = np.mgrid[0 : SMALL.height, 0 : SMALL.width]
    return np.clip(radius - np.hypot(x - 56, y - 32), 0, 1).astype(np.float32)


def test_a_shift_widens_or_tightens_and_zero_changes_nothing() -> None:
    y, x = np.mgrid[0 : SMALL.height, 0 : SMALL.width]
    soft = np.clip((20 - np.hypot(x - 56, y - 32)) / 8, 0, 1).astype(np.float32)
    small = np.full((3, SMALL.height, SMALL.width), 0.5, np.float32)
    areas = [
        low_alpha(adjust_edges(person(soft), small, FULL, EdgeOptions(shift=shift)), small).sum()
        for shift in (-1, -0.5, 0, 0.5, 1)
    ]
    assert areas == sorted(areas)
    assert areas[0] < areas[2] < areas[4]
    untouched = person(soft)
    assert adjust_edges(untouched, small, FULL, EdgeOptions()) is untouched


def test_a_feather_softens_the_edge_and_keeps_the_area() -> None:
    small = np.full((3, SMALL.height, SMALL.width), 0.5, np.float32)
    before = disc()
    after = low_alpha(adjust_edges(person(before), small, FULL, EdgeOptions(feather_px=6)), small)
    half_transparent = [((alpha > 0.1) & (alpha < 0.9)).sum() for alpha in (before, after)]
    assert half_transparent[1] > 2 * half_transparent[0]
    assert after.sum() == pytest.approx(before.sum(), rel=0.02)


@pytest.mark.parametrize("bad", [{"feather_px": -1}, {"shift": 2.0}])
def test_edge_options_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(FrameError, match="expected an edge"):
        EdgeOptions(**bad)  # type: ignore[arg-type]


def test_the_blur_has_no_halo_of_the_person() -> None:
    alpha = disc()
    small = np.full((3, SMALL.height, SMALL.width), 0.2, np.float32)
    small[0][alpha > 0] = 1.0  # a red person before a grey wall
    for strength in (0.0, 0.5, 1.0):
        assert np.abs(blurred(small, alpha, strength) - 0.2).max() < 0.01


def test_the_blur_survives_a_person_everywhere() -> None:
    small = np.full((3, SMALL.height, SMALL.width), 0.7, np.float32)
    found = blurred(small, np.ones((SMALL.height, SMALL.width), np.float32), 0.5)
    assert np.isfinite(found).all()


def test_wrong_sizes_are_refused() -> None:
    compositor = Compositor(FULL, SMALL)
    image, coefficients = picture(FULL.height, FULL.width), random_coefficients()
    with pytest.raises(FrameError, match="expected frames of 194x108"):
        compositor.compose(picture(9, 9), coefficients, None, np.zeros_like(image))
    with pytest.raises(FrameError, match="expected a backdrop of 194x108"):
        compositor.compose(image, coefficients, picture(9, 9), np.zeros_like(image))
    with pytest.raises(FrameError, match="expected coefficients of 112x64"):
        compositor.compose(image, Coefficients(*np.zeros((2, 4, 32, 32), np.float32)), None, np.zeros_like(image))


def test_small_frames_come_from_the_shrinker() -> None:
    image = picture(FULL.height, FULL.width)
    assert Shrinker(FULL, SMALL)(image).shape == (3, SMALL.height, SMALL.width)
