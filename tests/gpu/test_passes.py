"""What the frame's pass sends over the bus, keeps, records and gives back; and slots of many streams."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from rimlight.compose import EdgeOptions
from rimlight.errors import BackendError
from rimlight.gpu.driver import Driver
from rimlight.gpu.layout import HEADER_BYTES, picture_bytes, room_bytes
from rimlight.gpu.passes import FramePass
from rimlight.gpu.resources import Buffer, Module, Stream
from rimlight.gpu.slots import Slots
from rimlight.pixels import Shrinker, to_i420
from rimlight.types import FloatArray, Pixels, Size, UInt8Array

from ..test_pixels import picture
from .rig import WAIT_S, Rig, apart, expected, plain, wild

FULL, SMALL = Size(54, 96), Size(32, 48)
PLAIN = EdgeOptions()


@pytest.fixture
def rig(driver: Driver, kernels: Module) -> Iterator[Rig]:
    opened = Rig(driver, kernels, FULL, SMALL)
    yield opened
    opened.close()


def frame(seed: int) -> UInt8Array:
    return picture(FULL.height, FULL.width, seed)


@pytest.mark.parametrize("form", ["rgb", "i420"])
def test_a_frame_goes_up_once_and_its_picture_comes_down_once(rig: Rig, form: str) -> None:
    pixels = frame(0) if form == "rgb" else to_i420(frame(0))
    rig.matte(0, pixels)
    rig.say(0, wild(SMALL))
    rig.paint(0, None, "i420", EdgeOptions(feather_px=2), blur=0.5)
    before = rig.driver.traffic
    counts = (before.uploads, before.upload_bytes, before.downloads, before.download_bytes)
    rig.matte(1, pixels)
    rig.paint(1, None, "i420", EdgeOptions(feather_px=2), blur=0.5)
    after = rig.driver.traffic
    sent = HEADER_BYTES + picture_bytes(FULL, "rgb" if form == "rgb" else "i420")
    assert (after.uploads, after.upload_bytes) == (counts[0] + 1, counts[1] + sent)
    assert (after.downloads, after.download_bytes) == (counts[2] + 1, counts[3] + room_bytes(FULL, "i420"))


@pytest.mark.parametrize("kind", ["sharp", "soft"])
def test_a_backdrop_goes_up_only_when_it_is_fresh(rig: Rig, kind: str) -> None:
    soft = np.random.default_rng(0).random((3, SMALL.height, SMALL.width)).astype(np.float32)
    behind = frame(5) if kind == "sharp" else soft
    rig.matte(0, frame(0))
    rig.say(0, plain(SMALL, 0.25))
    first = rig.paint(0, behind, "rgb")
    uploads = rig.driver.traffic.uploads
    again = rig.paint(0, np.zeros_like(behind), "rgb", fresh=False)  # what it holds is not looked at
    assert rig.driver.traffic.uploads == uploads
    assert apart(first.picture, again.picture) == 0
    other = rig.paint(0, np.zeros_like(behind), "rgb")
    assert apart(first.picture, other.picture) > 50


def test_a_blur_in_between_leaves_the_uploaded_backdrop_alone(rig: Rig) -> None:
    soft = np.random.default_rng(0).random((3, SMALL.height, SMALL.width)).astype(np.float32)
    rig.matte(0, frame(0))
    rig.say(0, wild(SMALL))
    first = rig.paint(0, soft, "rgb")
    rig.paint(0, None, "rgb", blur=0.5)
    assert apart(rig.paint(0, soft, "rgb", fresh=False).picture, first.picture) == 0


def test_frames_of_all_places_can_be_painted_in_any_order(rig: Rig) -> None:
    frames, coefficients = [frame(seed) for seed in range(FramePass.RING)], [wild(SMALL, seed) for seed in range(4)]
    for place in range(FramePass.RING):
        rig.matte(place, frames[place], number=10 + place)
        rig.say(place, coefficients[place])
    for place in (2, 0, 3, 1, 2):
        found = rig.paint(place, None, "rgb")
        assert found.number == 10 + place
        assert apart(found.picture, expected(FULL, frames[place], coefficients[place], None, "rgb", PLAIN)) <= 1


def test_the_form_of_frames_may_change_from_one_to_the_next(rig: Rig) -> None:
    frames: list[Pixels] = [to_i420(frame(1) // 3 + 80), frame(2), to_i420(frame(3) // 3 + 80)]
    for number, pixels in enumerate(frames):
        rig.matte(0, pixels, number)
        rig.say(0, wild(SMALL))
        wanted = expected(FULL, pixels, wild(SMALL), None, "rgba", PLAIN)
        assert apart(rig.paint(0, None, "rgba").picture, wanted) <= 1


def test_a_recorded_shrink_takes_each_frames_own_header(rig: Rig) -> None:
    rig.matte(1, frame(0), number=1)
    graph = rig.driver.capture(rig.stream, lambda: rig.passes.shrink(1, rig.maps[1]))
    for number, own in ((2, 1.0), (2**32 + 3, 0.0)):
        pixels = frame(number % 7)
        rig.passes.load(1, pixels, number, own)
        rig.passes.upload(1)
        rig.driver.launch_graph(graph, rig.stream)
        assert np.abs(rig.images(1) - Shrinker(FULL, SMALL)(pixels)).max() < 1e-6
        assert rig.read(1, 1)[0] == own
        rig.say(1, wild(SMALL))
        assert rig.paint(1, None, "rgb").number == number % 2**32


def test_a_graph_that_did_not_run_shows_in_the_number(rig: Rig) -> None:
    rig.matte(0, frame(0), number=4)
    rig.say(0, wild(SMALL))
    rig.passes.load(0, frame(1), 8, 0.0)
    rig.passes.upload(0)  # and no shrink
    assert rig.paint(0, None, "rgb").number == 4


def test_everything_is_given_back(driver: Driver, kernels: Module) -> None:
    free = driver.free_bytes()
    rig = Rig(driver, kernels, FULL, SMALL)
    rig.matte(0, frame(0))
    rig.paint(0, frame(1), "rgb", EdgeOptions(feather_px=1))
    rig.paint(0, None, "rgba", blur=1.0)
    assert driver.free_bytes() < free
    rig.close()
    assert driver.free_bytes() == free


def test_slots_come_back_where_they_were(driver: Driver, kernels: Module) -> None:
    stream, floats = driver.stream(), 4 * 300  # more pieces than one block of threads is wide
    slots = Slots(driver, kernels, stream)
    memory = np.random.default_rng(0).random((6, floats)).astype(np.float32)
    there, batch = sent(driver, stream, memory), driver.buffer(3 * floats * 4)
    which = sent(driver, stream, np.array([4, 0, 2], np.int32).view(np.float32))
    others = sent(driver, stream, np.array([1, 3, 5], np.int32).view(np.float32))
    slots.gather(there.address, which.address, batch.address, 3, floats * 4)
    assert np.array_equal(fetched(driver, stream, batch).reshape(3, floats), memory[[4, 0, 2]])
    slots.scatter(batch.address, others.address, there.address, 3, floats * 4)
    memory[[1, 3, 5]] = memory[[4, 0, 2]]
    assert np.array_equal(fetched(driver, stream, there).reshape(6, floats), memory)


def test_slots_of_odd_bytes_are_refused(driver: Driver, kernels: Module) -> None:
    with pytest.raises(BackendError, match="multiple of 16 bytes in a slot, got 24"):
        Slots(driver, kernels, driver.stream()).gather(0, 0, 0, 1, 24)


def sent(driver: Driver, stream: Stream, array: FloatArray) -> Buffer:
    pinned, buffer = driver.pinned(array.nbytes), driver.buffer(array.nbytes)
    pinned.array.view(np.float32)[:] = array.reshape(-1)
    driver.upload(buffer, pinned, stream)
    driver.wait(stream, WAIT_S)
    return buffer


def fetched(driver: Driver, stream: Stream, buffer: Buffer) -> FloatArray:
    pinned = driver.pinned(buffer.size_bytes)
    driver.download(pinned, buffer, stream)
    driver.wait(stream, WAIT_S)
    return pinned.array.view(np.float32).copy()
