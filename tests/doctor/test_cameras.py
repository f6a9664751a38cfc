from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest

from rimlight.doctor.cameras import ENUM_FMT, ENUM_RATES, ENUM_SIZES, QUERYCAP, cameras

from .test_machine import place

MODES: dict[bytes, dict[tuple[int, int], list[int]]] = {
    b"YUYV": {(640, 480): [30, 15]},
    b"MJPG": {(1920, 1080): [30], (1280, 720): [60, 30]},
}


class Driver:
    """A V4L2 driver in memory, laid out as in linux/videodev2.h."""

    def __init__(self, capabilities: int = 1, ranges: bool = False, error: int = 0) -> None:
        self.capabilities, self.ranges, self.error = capabilities, ranges, error

    def __call__(self, _descriptor: int, request: int, given: bytes) -> bytes:
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        answer = bytearray(given)
        try:
            {QUERYCAP: self.query, ENUM_FMT: self.format, ENUM_SIZES: self.size, ENUM_RATES: self.rate}[request](answer)
        except IndexError:
            raise OSError(errno.EINVAL, "end of list") from None
        assert len(answer) == len(given) == request >> 16 & 0x3FFF  # the size is a part of the request's number
        return bytes(answer)

    def query(self, answer: bytearray) -> None:
        answer[16:27] = b"HD Webcam\0\0"
        struct.pack_into("=I", answer, 88, self.capabilities)

    def format(self, answer: bytearray) -> None:
        index, kind = struct.unpack_from("=II", answer)
        assert kind == 1
        answer[44:48] = list(MODES)[index]

    def size(self, answer: bytearray) -> None:
        index, fourcc = struct.unpack_from("=I4s", answer)
        if self.ranges:
            [][index]
        width, height = list(MODES[fourcc])[index]
        struct.pack_into("=III", answer, 8, 1, width, height)

    def rate(self, answer: bytearray) -> None:
        index, fourcc, width, height = struct.unpack_from("=I4sII", answer)
        struct.pack_into("=III", answer, 16, 1, 1, MODES[fourcc][width, height][index])


class Ranges(Driver):
    """Sizes and rates from, to, in steps."""

    def size(self, answer: bytearray) -> None:
        struct.pack_into("=7I", answer, 8, 3, 16, 3840, 2, 16, 2160, 2)

    def rate(self, answer: bytearray) -> None:
        struct.pack_into("=7I", answer, 16, 3, 1001, 60000, 1, 1, 1, 1)


def test_a_camera_tells_its_name_and_largest_modes(tmp_path: Path) -> None:
    found = cameras(place(tmp_path, {"/dev/video0": ""}), Driver())
    assert found.status == "ok"
    assert found.found == "/dev/video0 HD Webcam: MJPG 1920x1080@30, MJPG 1280x720@60, YUYV 640x480@30"


def test_of_ranges_the_largest_counts(tmp_path: Path) -> None:
    found = cameras(place(tmp_path, {"/dev/video2": ""}), Ranges())
    assert "MJPG 3840x2160@59.94" in found.found


def test_a_driver_without_lists_is_named_all_the_same(tmp_path: Path) -> None:
    assert "no modes told" in cameras(place(tmp_path, {"/dev/video0": ""}), Driver(ranges=True)).found


def test_devices_that_do_not_capture_are_none(tmp_path: Path) -> None:
    found = cameras(place(tmp_path, {"/dev/video0": "", "/dev/video1": ""}), Driver(capabilities=2))
    assert (found.status, found.found) == ("absent", "none of 2 video devices captures")


def test_without_a_device_it_is_told(tmp_path: Path) -> None:
    found = cameras(place(tmp_path), Driver())
    assert (found.status, found.found) == ("absent", "no /dev/video*")


@pytest.mark.parametrize("error", [errno.EBUSY, errno.ENODEV, errno.EACCES])
def test_a_device_that_cannot_be_asked_is_a_warning(tmp_path: Path, error: int) -> None:
    found = cameras(place(tmp_path, {"/dev/video0": ""}), Driver(error=error))
    assert found.status == "warn"
    assert os.strerror(error) in found.found


def test_elsewhere_cameras_are_not_opened_to_be_counted(tmp_path: Path) -> None:
    assert cameras(place(tmp_path, platform="win32")).status == "absent"
