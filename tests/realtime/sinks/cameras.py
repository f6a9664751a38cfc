"""Virtual cameras without a kernel: a backend behind pyvirtualcam's real Camera, and what /sys would say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rimlight.realtime import loopback
from rimlight.realtime.sinks import virtualcam
from tests.conftest import need

I420_CODE = int.from_bytes(b"I420", "little")
RAW_CODE = int.from_bytes(b"raw ", "little")


class Double:
    """A backend as pyvirtualcam calls one, which keeps what it is sent."""

    opened: list[Double]

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: Any) -> None:
        self.shape = (height, width)
        self.fps, self.fourcc, self.name = fps, fourcc, device or "the only one"
        self.sent: list[np.ndarray] = []
        self.closed = 0
        type(self).opened.append(self)

    def send(self, frame: np.ndarray) -> None:
        self.sent.append(frame.copy())

    def close(self) -> None:
        self.closed += 1

    def device(self) -> str:
        return self.name

    def native_fourcc(self) -> int:
        return self.fourcc


class Refusing(Double):
    """A backend that finds no device."""

    def __init__(self, **_: Any) -> None:
        raise RuntimeError("virtual camera output could not be started")


@contextmanager
def registered(name: str, kind: type[Double] = Double) -> Iterator[list[Double]]:
    """pyvirtualcam with this backend alone, under a name; gives the list of those that were opened."""
    need("virtualcam", virtualcam_installed(), "pyvirtualcam is not installed")
    import pyvirtualcam
    from pyvirtualcam.camera import BACKENDS

    before = dict(BACKENDS)
    kind.opened = []
    BACKENDS.clear()
    pyvirtualcam.register_backend(name, kind)
    try:
        yield kind.opened
    finally:
        BACKENDS.clear()
        BACKENDS.update(before)


def virtualcam_installed() -> bool:
    from importlib.util import find_spec

    return find_spec("pyvirtualcam") is not None


class Kernel:
    """Folders that stand for /dev, /sys and /proc, with loopback devices in them; opened: the cameras opened there."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, opened: list[Double] | None = None) -> None:
        self.opened = [] if opened is None else opened
        self.dev, self.sys, self.proc = root / "dev", root / "sys", root / "proc"
        for folder in (self.dev, self.sys, self.proc, root / "module"):
            folder.mkdir(parents=True)
        (root / "module" / "version").write_text("0.15.0\n")
        monkeypatch.setattr(loopback, "DEV", self.dev)
        monkeypatch.setattr(loopback, "CLASS", self.sys)
        monkeypatch.setattr(loopback, "PROC", self.proc)
        monkeypatch.setattr(loopback, "MODULE", root / "module")
        monkeypatch.setattr(virtualcam, "PLATFORM", "linux")

    def add(self, number: int, form: str = "", *, is_loopback: bool = True) -> str:
        """A video device; form is what it says it holds."""
        path, told = self.dev / f"video{number}", self.sys / f"video{number}"
        path.touch()
        told.mkdir()
        if is_loopback:
            (told / "max_openers").write_text("10\n")
            self.hold(number, form)
        return str(path)

    def hold(self, number: int, form: str) -> None:
        (self.sys / f"video{number}" / "format").write_text(f"{form}\n")

    def holder(self, pid: int, path: str, flags: int = os.O_RDWR, name: str = "zoom") -> None:
        """A process that has a file open."""
        folder = self.proc / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "fdinfo").mkdir()
        (folder / "comm").write_text(f"{name}\n")
        (folder / "fd" / "7").symlink_to(path)
        (folder / "fdinfo" / "7").write_text(f"pos:\t0\nflags:\t0{flags | os.O_CLOEXEC:o}\nmnt_id:\t25\n")
