"""What every device path promises, one suite for all: the pictures of the host's path, whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.backends.device_path import Behind, DevicePath, SceneBlur
from rimlight.compose import EdgeOptions
from rimlight.errors import BackendError, FrameError
from rimlight.gpu.layout import Form, form_of
from rimlight.pixels import to_i420
from rimlight.realtime.backdrops import Backdrop, open_backdrop
from rimlight.realtime.ondevice import MattedOnDevice
from rimlight.realtime.session import Matter, Painter, empty_pixels
from rimlight.types import I420, Coefficients, FloatArray, Frame, Pixels, Size

from ..device_paths import KINDS, Kind
from ..realtime.streams import frames
from ..test_pixels import picture

FULL, SMALL = Size(90, 161), Size(48, 80)
ODD = Size(63, 113)
FORMS: tuple[Form, ...] = ("rgb", "rgba", "i420")
PLAIN = EdgeOptions()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    if request.param == "tensorrt":
        request.getfixturevalue("tensorrt")  # on stand-ins for GPU and library
    return KINDS[request.param]


@pytest.fixture
def opens(kind: Kind) -> Iterator[Callable[..., DevicePath]]:
    """Opens paths; closes them all at the end."""
    found: list[DevicePath] = []

    def opened(full: Size = FULL, small: Size = SMALL) -> DevicePath:
        found.append(kind.open(full, small))
        return found[-1]

    yield opened
    for path in found:
        path.close()


@pytest.fixture
def path(opens: Callable[..., DevicePath]) -> DevicePath:
    return opens()


def painted(path: DevicePath, number: int, behind: Behind = None, form: Form = "rgba") -> Pixels:
    out = empty_pixels(path.full, form)
    path.paint(number, behind, PLAIN, out)
    return out


def flat(pixels: Pixels) -> np.ndarray:
    arrays = [pixels.y, pixels.u, pixels.v] if isinstance(pixels, I420) else [pixels]
    return np.concatenate([array.reshape(-1) for array in arrays]).astype(int)


def levels(one: Pixels, other: Pixels) -> int:
    """The largest difference in grey levels."""
    return int(np.abs(flat(one) - flat(other)).max())


def in_form(frame: Frame, form: str) -> Frame:
    planes = to_i420(frame.image)
    forms = {"rgb": frame.pixels, "i420": planes, "bt601": replace(planes, bt709=False, full_range=True)}
    return replace(frame, pixels=forms[form])


def both(
    kind: Kind, path: DevicePath, given: Sequence[Frame], backdrop: Backdrop, form: Form, edges: EdgeOptions = PLAIN
) -> Iterator[tuple[Pixels, Pixels]]:  # fmt: skip
    """Each frame's picture by the path and by the host."""
    with closing(Matter(kind.host(edges=edges))) as matter:
        painter = Painter(kind.host(edges=edges), backdrop, form)
        for frame in given:
            out = empty_pixels(frame.size, form)
            MattedOnDevice(frame, path, path.matte(frame.pixels, frame.cut)).paint(backdrop, edges, out)
            yield out, painter.paint(matter.matte([frame])[0]).pixels


@pytest.mark.parametrize(("comes", "wants"), list(product(["rgb", "i420", "bt601"], FORMS)))
def test_pictures_are_those_of_the_host_in_every_form(kind: Kind, path: DevicePath, comes: str, wants: Form) -> None:
    given = [in_form(frame, comes) for frame in [*frames(3, FULL, seed=1), *frames(3, FULL, seed=2)]]
    backdrop = open_backdrop("transparent" if wants == "rgba" else "#1060c0")
    for ours, hosts in both(kind, path, given, backdrop, wants):
        assert form_of(ours) == wants
        assert levels(ours, hosts) <= kind.levels


@pytest.mark.parametrize(("spec", "wants"), list(product(["blur:0", "blur:0.5", "blur:1", "sharp"], ["rgb", "i420"])))
def test_backdrops_are_those_of_the_host(kind: Kind, path: DevicePath, spec: str, wants: Form, tmp_path: Path) -> None:
    if spec == "sharp":
        spec = str(tmp_path / "wall.png")
        assert cv2.imwrite(spec, picture(FULL.height, FULL.width, 5) // 2 + 60)
    for ours, hosts in both(kind, path, frames(3, FULL), open_backdrop(spec), wants):
        assert levels(ours, hosts) <= max(kind.levels, 2)  # the host makes planes of a picture before it is mixed in


@pytest.mark.parametrize(
    "edges",
    [EdgeOptions(feather_px=3), EdgeOptions(shift=0.5), EdgeOptions(4, -0.5), EdgeOptions(decontaminate=False)],
)
def test_edges_are_treated_as_on_the_host(kind: Kind, path: DevicePath, edges: EdgeOptions) -> None:
    for ours, hosts in both(kind, path, frames(3, FULL), open_backdrop("transparent"), "rgba", edges):
        assert levels(ours, hosts) <= kind.levels


@pytest.mark.parametrize("wants", FORMS)
def test_odd_sizes_come_out_as_they_went_in(kind: Kind, opens: Callable[..., DevicePath], wants: Form) -> None:
    path = opens(ODD, SMALL)
    given = [in_form(frame, "i420") for frame in frames(2, ODD)]
    for ours, hosts in both(kind, path, given, open_backdrop("#1060c0"), wants):
        assert levels(ours, hosts) <= kind.levels


def looks(path: DevicePath, given: Sequence[Frame]) -> list[tuple[FloatArray, Coefficients]]:
    return [path.look(path.matte(frame.pixels, frame.cut)) for frame in given]


def alike(one: Coefficients, other: Coefficients, tolerance: float) -> bool:
    pairs = ((one.scale, other.scale), (one.offset, other.offset))
    return all(np.allclose(a, b, rtol=0, atol=tolerance) for a, b in pairs)


def test_what_is_looked_at_is_what_the_host_has(kind: Kind, path: DevicePath) -> None:
    given = [*frames(3, FULL, seed=1), *frames(2, FULL, seed=2)]
    with closing(Matter(kind.host())) as matter:
        for frame, (small, coefficients) in zip(given, looks(path, given), strict=True):
            (seen,) = matter.matte([frame])
            assert np.allclose(small, seen.small, rtol=0, atol=1e-3)
            assert alike(coefficients, seen.coefficients, kind.coefficients)


def test_a_cut_forgets_and_the_memory_counts_otherwise(opens: Callable[..., DevicePath]) -> None:
    dark, bright = frames(3, FULL, seed=1), frames(3, FULL, seed=2)
    fresh = looks(opens(), bright)
    after_cut = looks(opens(), [*dark, *bright])[3:]
    assert all(alike(one[1], other[1], 1e-6) for one, other in zip(after_cut, fresh, strict=True))
    without = looks(opens(), [*dark, *(replace(frame, cut=False) for frame in bright)])[3:]
    assert not alike(without[0][1], fresh[0][1], 1e-3)


def test_the_first_frame_is_a_cut_whatever_it_says(opens: Callable[..., DevicePath]) -> None:
    (frame,) = frames(1, FULL)
    one, other = opens(), opens()
    assert alike(one.look(one.matte(frame.pixels, True))[1], other.look(other.matte(frame.pixels, False))[1], 1e-6)


def test_a_frame_stays_good_for_as_many_calls_as_promised(path: DevicePath) -> None:
    given = frames(2 * path.RING, FULL)
    first = path.matte(given[0].pixels, True)
    alone = flat(painted(path, first))
    for frame in given[1 : path.RING]:
        path.matte(frame.pixels)
        assert np.array_equal(flat(painted(path, first)), alone)
    path.matte(given[path.RING].pixels)
    with pytest.raises(BackendError, match="not on the device"):
        painted(path, first)
    with pytest.raises(BackendError, match="not on the device"):
        path.look(first)


def test_a_frame_that_never_came_is_not_painted(path: DevicePath) -> None:
    out = np.full((FULL.height, FULL.width, 3), 7, np.uint8)
    for number in (0, 1, 99, -3):
        with pytest.raises(BackendError, match="not on the device"):
            path.paint(number, None, PLAIN, out)
    assert (out == 7).all()


def test_a_frames_memory_may_be_used_again_at_once(path: DevicePath) -> None:
    (frame,) = frames(1, FULL)
    kept = flat(painted(path, path.matte(frame.pixels, True)))
    assert isinstance(frame.pixels, np.ndarray)
    again = frame.pixels.copy()
    number = path.matte(again, True)
    again[:] = 0
    assert np.array_equal(flat(painted(path, number)), kept)


@pytest.mark.parametrize("behind", ["sharp", "soft"])
def test_a_backdrop_goes_up_once_until_another_comes(path: DevicePath, behind: str) -> None:
    soft = np.full((3, SMALL.height, SMALL.width), 0.25, np.float32)
    array = picture(FULL.height, FULL.width, 4) if behind == "sharp" else soft
    number = path.matte(frames(1, FULL)[0].pixels, True)
    first = flat(painted(path, number, array, "rgb"))
    array[:] = 1
    assert np.array_equal(flat(painted(path, number, array, "rgb")), first)
    assert not np.array_equal(flat(painted(path, number, array.copy(), "rgb")), first)


def test_a_blur_between_makes_a_backdrop_new_again(path: DevicePath) -> None:
    soft = np.full((3, SMALL.height, SMALL.width), 0.25, np.float32)
    number = path.matte(frames(1, FULL)[0].pixels, True)
    first = flat(painted(path, number, soft, "rgb"))
    blurred = flat(painted(path, number, SceneBlur(0.5), "rgb"))
    assert not np.array_equal(blurred, first)
    assert np.array_equal(flat(painted(path, number, soft, "rgb")), first)


def test_planes_behind_are_the_picture_that_they_hold(path: DevicePath) -> None:
    planes = to_i420(frames(1, FULL, seed=9)[0].image)
    number = path.matte(frames(1, FULL)[0].pixels, True)
    one = painted(path, number, planes, "i420")
    assert isinstance(one, I420)
    assert np.median(np.abs(one.y.astype(int) - planes.y)) <= 1  # most of the picture is backdrop


def test_what_does_not_fit_is_an_error(path: DevicePath) -> None:
    (other,) = frames(1, ODD)
    number = path.matte(frames(1, FULL)[0].pixels, True)
    with pytest.raises(FrameError, match="113x63"):
        path.matte(other.pixels)
    with pytest.raises(FrameError, match="113x63"):
        path.paint(number, None, PLAIN, empty_pixels(ODD, "rgb"))
    with pytest.raises(FrameError, match="113x63"):
        painted(path, number, other.pixels)
    with pytest.raises(FrameError, match="soft"):
        painted(path, number, np.zeros((3, 5, 5), np.float32))


def test_an_internal_size_off_the_grid_is_an_error(opens: Callable[..., DevicePath]) -> None:
    with pytest.raises(FrameError, match="multiples of 16"):
        opens(FULL, Size(50, 80))


def test_a_closed_path_says_so_and_closes_once(path: DevicePath) -> None:
    (frame,) = frames(1, FULL)
    number = path.matte(frame.pixels, True)
    path.close()
    path.close()
    for call in (lambda: painted(path, number), lambda: path.look(number), lambda: path.matte(frame.pixels)):
        with pytest.raises(BackendError, match="closed"):
            call()


def test_one_thread_mats_while_another_paints(path: DevicePath, opens: Callable[..., DevicePath]) -> None:
    given = frames(24, FULL)
    alone = opens()
    wanted = [flat(painted(alone, alone.matte(frame.pixels, frame.cut))) for frame in given]
    ready, taken = threading.Semaphore(0), threading.Semaphore(path.RING - 1)
    numbers: list[int] = []

    def mat() -> None:
        for frame in given:
            assert taken.acquire(timeout=30)
            numbers.append(path.matte(frame.pixels, frame.cut))
            ready.release()

    thread = threading.Thread(target=mat, daemon=True)
    thread.start()
    for index in range(len(given)):
        assert ready.acquire(timeout=30)
        assert np.array_equal(flat(painted(path, numbers[index])), wanted[index])
        taken.release()
    thread.join(30)


def test_a_timed_frame_is_painted_all_the_same(path: DevicePath, opens: Callable[..., DevicePath]) -> None:
    (frame,) = frames(1, FULL)
    other, out = opens(), empty_pixels(FULL, "rgb")
    times = path.timed(frame.pixels, SceneBlur(0.5), PLAIN, out)
    assert min(times) >= 0
    assert np.array_equal(out, painted(other, other.matte(frame.pixels), SceneBlur(0.5), "rgb"))


def test_it_says_what_runs(path: DevicePath) -> None:
    assert path.device
    assert path.name
