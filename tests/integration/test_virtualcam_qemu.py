"""The virtual camera for real: Debian's kernel with v4l2loopback and the test camera vivid, emulated by QEMU.

One guest is booted for all of it; what it saw is judged here. Times are told, not judged: the processor is emulated.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import need

from .qemu import Guest, boot, missing

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def guest() -> Guest:
    need("qemu", not missing(), missing())
    return boot()


def step(guest: Guest, name: str) -> dict[str, Any]:
    told = guest.steps.get(name)
    assert told is not None, f"the guest never told of {name}:\n{guest.output}"
    assert "failed" not in told, told["failed"]
    return told


def test_every_step_runs_and_the_guest_ends_well(guest: Guest, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print("\n" + figures(guest))
    assert guest.status == 0, guest.output


def test_opencv_sees_the_size_and_the_backdrops_colour(guest: Guest) -> None:
    told = step(guest, "a_camera_matted_before_a_colour")
    assert told["shape"] == [360, 640, 3]
    assert told["off_backdrop"] <= 4  # and so nothing of the red that the camera sees


def test_ffmpeg_sees_the_same(guest: Guest) -> None:
    told = step(guest, "a_camera_matted_before_a_colour")
    assert told["ffmpeg_frames"] == 5
    assert told["ffmpeg_off_backdrop"] <= 4
    assert told["ffmpeg_red"], "nobody before the backdrop"


def test_the_cover_is_shown_before_the_camera_comes_and_after_it_went(guest: Guest) -> None:
    told = step(guest, "a_camera_matted_before_a_colour")
    assert told["cover_before"]
    assert told["cover_after"]
    assert told["state"] == "cover"
    assert "/dev/video20" in told["reason"]


def test_the_network_runs_in_between(guest: Guest) -> None:
    told = step(guest, "the_network_before_a_colour")
    assert told["shape"] == [360, 640, 3]
    assert told["counts"]["out_live"] >= 10


@pytest.mark.parametrize("name", ["delay_of_the_device_alone", "delay_from_camera_to_reader"])
def test_numbered_pictures_arrive_in_order(guest: Guest, name: str) -> None:
    numbers = step(guest, name)["numbers"]
    assert numbers == sorted(numbers)
    assert numbers[-1] > numbers[0], "the picture stood still"


def test_it_opens_again_after_it_was_closed_and_with_a_reader_that_stayed(guest: Guest) -> None:
    told = step(guest, "closed_and_opened_again")
    assert told["written"] == [5, 5, 5, 5, 5]


def test_a_reader_at_another_size_is_told_of_and_not_fed_garbage(guest: Guest) -> None:
    (refused,) = step(guest, "closed_and_opened_again")["refused"]
    assert "held at YU12:640x360@30" in refused


def test_a_reader_switches_the_camera_on_and_off(guest: Guest) -> None:
    told = step(guest, "a_reader_is_noticed")
    assert told["told"] == [False, True, False]
    assert told["seen"] == [told["pid"]]
    assert told["nobody"] == 0


def test_a_lost_device_ends_the_stream_with_advice(guest: Guest) -> None:
    (refused,) = step(guest, "a_lost_device")["refused"]
    assert "/dev/video10 is gone" in refused


def figures(guest: Guest) -> str:
    """The measured numbers, one line each."""
    kept = {"ready_s", "took_s", "library_hz", "sink_hz", "read_hz", "written_meanwhile_hz", "decode_hz", "copy_hz",
            "least_ms", "median_ms", "p95_ms", "most_ms", "stages_ms"}  # fmt: skip
    lines = []
    for name, told in guest.steps.items():
        numbers = ", ".join(f"{key} {value}" for key, value in told.items() if key in kept)
        lines.append(f"{name}: {numbers}")
    return "\n".join(lines)
