"""What Linux tells of v4l2loopback's devices: which there are, what they hold, who has them open; and one work-around.

Everything is read from /sys and /proc, so asking disturbs nobody; on other systems there is simply nothing to be found.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rimlight.types import Size

CLASS = Path("/sys/class/video4linux")
DEV = Path("/dev")
MODULE = Path("/sys/module/v4l2loopback")
PROC = Path("/proc")
PLANES = "YU12"  # what V4L2 calls I420

QUERYCAP = 0x80685600  # VIDIOC_QUERYCAP, which fills 104 bytes
CAPABILITIES_AT = 88  # device_caps of struct v4l2_capability
CAN_OUTPUT = 0x2  # V4L2_CAP_VIDEO_OUTPUT
STREAMON = 0x40045612  # VIDIOC_STREAMON
OUTPUT = 2  # V4L2_BUF_TYPE_VIDEO_OUTPUT


@dataclass(frozen=True, slots=True)
class Holder:
    """Another process that has a device open; only_writes: it cannot be reading from it."""

    pid: int
    name: str
    only_writes: bool


def devices() -> list[str]:
    """Paths of the loopback devices, such as /dev/video10, lowest number first."""
    found = [folder.name for folder in CLASS.glob("video*") if (folder / "max_openers").exists()]
    return [str(DEV / name) for name in sorted(found, key=lambda name: int(name.removeprefix("video")))]


def version() -> str:
    """Version of the loaded module, such as "0.13.2"; empty where it does not tell (0.12) or none is loaded."""
    return _read(MODULE / "version") or ""


def held_format(device: str) -> str | None:
    """Format that a device holds, such as "YU12:1280x720@30"; empty while nobody writes, None where it does not say."""
    return _read(CLASS / Path(os.path.realpath(device)).name / "format")


def trouble(device: str, number: int, size: Size) -> str | None:
    """Why planes of that size written to an open device do not reach its readers; None where nothing is known.

    number: the st_rdev that the device had when it was opened. Takes some ten microseconds, so it may follow
    every frame.
    """
    try:
        if os.stat(device).st_rdev != number:
            return "is another device than the one that was opened; start again"
    except OSError:
        return "is gone; was the module unloaded? Load it and start again"
    held = held_format(device)
    if held is None or held.startswith(f"{PLANES}:{size}@"):
        return None
    if held:
        return f"is held at {held} by a program that still reads it, and takes no {size}; close that program"
    return "takes no frames; close other programs that write to it"


def holders(path: str) -> list[Holder]:
    """Other processes of this user (of everybody, for root) that have a file or device open.

    Processes of other users cannot be seen, nor anything on systems without /proc.
    """
    path = os.path.realpath(path)
    found = []
    for folder in PROC.glob("[0-9]*"):
        modes = [] if folder.name == str(os.getpid()) else _open_modes(folder, path)
        if modes:
            only_writes = all(mode & os.O_ACCMODE == os.O_WRONLY for mode in modes)
            found.append(Holder(int(folder.name), _read(folder / "comm") or "?", only_writes))
    return found


def rearm(device: str) -> None:
    """Make a device announce again that it can be written to, where v4l2loopback 0.12 has forgotten it.

    With exclusive_caps=1 that version takes the capability away at the first write() and gives it back only when a
    descriptor closes that began to stream by VIDIOC_STREAMON, which those who use write() never do. So this opens the
    device, begins to stream, and closes it. Raises OSError where the device cannot be opened.
    """
    if version() and not version().startswith("0.12."):
        return
    from fcntl import ioctl

    descriptor = os.open(device, os.O_WRONLY)
    try:
        with suppress(OSError):  # an error for want of a format, but what is to be undone by closing is noted before
            if not _can_output(descriptor):
                ioctl(descriptor, STREAMON, struct.pack("i", OUTPUT))
    finally:
        os.close(descriptor)


def _can_output(descriptor: int) -> bool:
    from fcntl import ioctl

    answer = ioctl(descriptor, QUERYCAP, bytes(104))
    return bool(int.from_bytes(answer[CAPABILITIES_AT : CAPABILITIES_AT + 4], "little") & CAN_OUTPUT)


def _open_modes(folder: Path, path: str) -> list[int]:
    """Flags of every descriptor that a process, given by its folder in /proc, has of path.

    The links are compared as text: following them could hang on a dead network drive.
    """
    modes = []
    with suppress(OSError):  # not ours to see, or just ended
        for link in os.scandir(folder / "fd"):
            with suppress(OSError, ValueError):
                if os.readlink(link.path) == path:
                    fields = (folder / "fdinfo" / link.name).read_text().split()
                    modes.append(int(fields[fields.index("flags:") + 1], 8))
    return modes


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
