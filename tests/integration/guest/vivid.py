"""The kernel's test camera: what it sees, and pulling it out."""

from __future__ import annotations

import struct
from fcntl import ioctl
from pathlib import Path

DEVICE = "/dev/video20"
S_CTRL = 0xC008561C  # VIDIOC_S_CTRL
PATTERN, WRITING = 0x00F0F000, 0x00F0F001  # VIVID_CID_TEST_PATTERN, VIVID_CID_OSD_TEXT_MODE
ALL_RED, NO_WRITING = 7, 2
RED = (255, 0, 0)


def see_only_red() -> None:
    """Let it see a wall of red, with nothing written on it."""
    with open(DEVICE, "rb", buffering=0) as device:
        for control, value in ((PATTERN, ALL_RED), (WRITING, NO_WRITING)):
            ioctl(device, S_CTRL, struct.pack("=Ii", control, value))


def unplug() -> None:
    """Take its driver away while it is in use, as when a cable is pulled."""
    Path("/sys/bus/platform/drivers/vivid/unbind").write_text("vivid.0")
