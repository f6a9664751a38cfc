"""Cameras and their modes, asked of the driver (Linux, V4L2) without starting one."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rimlight.doctor.check import Check, Place

# Requests of linux/videodev2.h and the bytes of what they fill.
QUERYCAP, QUERYCAP_BYTES = 0x80685600, 104
ENUM_FMT, FMT_BYTES = 0xC0405602, 64
ENUM_SIZES, SIZE_BYTES = 0xC02C564A, 44
ENUM_RATES, RATE_BYTES = 0xC034564B, 52
CAPTURE = 1  # both V4L2_CAP_VIDEO_CAPTURE and V4L2_BUF_TYPE_VIDEO_CAPTURE
DISCRETE = 1
MOST = 64  # entries of one list; a driver that counts further is broken
MOST_SHOWN = 3

Ioctl: TypeAlias = Callable[[int, int, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Mode:
    """One way a camera can be run: its largest rate at a size in a format such as MJPG; fps 0 if it does not say."""

    fourcc: str
    width: int
    height: int
    fps: float

    def __str__(self) -> str:
        return f"{self.fourcc} {self.width}x{self.height}" + (f"@{self.fps:g}" if self.fps else "")


def cameras(place: Place, ioctl: Ioctl | None = None) -> Check:
    """Devices that capture, each with its largest modes; ioctl: as fcntl.ioctl, a double in tests."""
    if not place.linux:
        return Check("cameras", "absent", "not looked for: here only opening one tells", "try --source camera:0")
    paths = sorted(place.path("/dev").glob("video*"), key=lambda path: (len(path.name), path.name))
    if not paths:
        return Check("cameras", "absent", "no /dev/video*", "plug a camera in; in a container or VM, pass it through")
    asks = ioctl or _system_ioctl()
    answers = [_answer(path, asks) for path in paths]
    found = "; ".join(said for _, said in answers if said)
    if any(captures for captures, _ in answers):
        return Check("cameras", "ok", found)
    if found:
        return Check("cameras", "warn", found, "see camera rights; close the program that holds it")
    return Check("cameras", "absent", f"none of {len(paths)} video devices captures", "plug a camera in")


def _system_ioctl() -> Ioctl:
    from fcntl import ioctl  # there is none on Windows

    return ioctl


def _answer(path: Path, ioctl: Ioctl) -> tuple[bool, str]:
    """Whether a device captures, and what is to be said of it or of why it could not be asked, if anything."""
    try:
        said = describe(path, ioctl)
    except OSError as error:
        return False, f"/dev/{path.name}: {error.strerror or error}"
    return bool(said), f"/dev/{path.name} {said}" if said else ""


def describe(path: Path, ioctl: Ioctl) -> str:
    """Name and largest modes of a device, "" if it does not capture; raises OSError if it cannot be asked."""
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        answer = ioctl(descriptor, QUERYCAP, bytes(QUERYCAP_BYTES))
        (capabilities,) = struct.unpack_from("=I", answer, 88)  # device_caps
        if not capabilities & CAPTURE:
            return ""
        name = answer[16:48].split(b"\0")[0].decode(errors="replace")
        found = sorted(modes(descriptor, ioctl), key=lambda mode: (mode.width * mode.height, mode.fps), reverse=True)
    finally:
        os.close(descriptor)
    more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    return f"{name}: {', '.join(map(str, found[:MOST_SHOWN])) or 'no modes told'}{more}"


def modes(descriptor: int, ioctl: Ioctl) -> Iterator[Mode]:
    """Every format and size a capture device lists, with the largest rate."""
    for index in range(MOST):
        answer = _ask(ioctl, descriptor, ENUM_FMT, struct.pack("=II", index, CAPTURE), FMT_BYTES)
        if answer is None:
            return
        fourcc = answer[44:48]
        for width, height in _sizes(descriptor, fourcc, ioctl):
            fps = _rate(descriptor, fourcc, width, height, ioctl)
            yield Mode(fourcc.decode("ascii", "replace").strip(), width, height, fps)


def _sizes(descriptor: int, fourcc: bytes, ioctl: Ioctl) -> Iterator[tuple[int, int]]:
    """Width and height of every size; of a range, the largest."""
    for index in range(MOST):
        answer = _ask(ioctl, descriptor, ENUM_SIZES, struct.pack("=I4s", index, fourcc), SIZE_BYTES)
        if answer is None:
            return
        kind, first, second, _, _, most_rows = struct.unpack_from("=6I", answer, 8)
        if kind != DISCRETE:
            yield second, most_rows
            return
        yield first, second


def _rate(descriptor: int, fourcc: bytes, width: int, height: int, ioctl: Ioctl) -> float:
    """Largest frame rate at a size, 0 where the driver does not say."""
    best = 0.0
    for index in range(MOST):
        asked = struct.pack("=I4sII", index, fourcc, width, height)
        answer = _ask(ioctl, descriptor, ENUM_RATES, asked, RATE_BYTES)
        if answer is None:
            break
        kind, seconds, parts = struct.unpack_from("=III", answer, 16)  # the shortest interval comes first in a range
        best = max(best, parts / seconds if seconds else 0.0)
        if kind != DISCRETE:
            break
    return round(best, 2)


def _ask(ioctl: Ioctl, descriptor: int, request: int, head: bytes, length: int) -> bytes | None:
    """The driver's answer; None at the end of a list, or where it keeps none."""
    try:
        return ioctl(descriptor, request, head.ljust(length, b"\0"))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOTTY):
            return None
        raise
