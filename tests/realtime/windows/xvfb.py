"""A display without a screen, and what is to be seen on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import need

TOOLS = ("Xvfb", "xwd", "xdotool", "convert")

TRIES = 600


def start() -> Iterator[str]:
    """The name of a display of 1280x800, while it is needed; skips without Xvfb, its tools or tkinter."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    need("xvfb", not missing, f"there is no {', '.join(missing)}: apt install xvfb x11-apps xdotool imagemagick")
    try:
        import tkinter  # noqa: F401
    except ImportError:
        need("xvfb", False, "this Python has no tkinter")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    try:
        with os.fdopen(read) as said:
            number = said.readline().strip()  # written once it takes clients
        need("xvfb", bool(number), "Xvfb does not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


def shot(display: str, path: Path) -> np.ndarray:
    """(H, W, 3) RGB of all that is on a display."""
    dump = subprocess.run(["xwd", "-silent", "-root", "-display", display], stdout=subprocess.PIPE, check=True)
    subprocess.run(["convert", "xwd:-", str(path)], input=dump.stdout, check=True)
    return np.asarray(cv2.imread(str(path))[:, :, ::-1])


def titles(display: str) -> list[str]:
    """Names of the windows on a display."""
    found = subprocess.run(
        ["xdotool", "search", "--onlyvisible", "--name", "."], env=os.environ | {"DISPLAY": display},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
    ).stdout.split()  # fmt: skip
    return [_name(display, one) for one in found]


def _name(display: str, window: str) -> str:
    """Name of a window, "" if it is gone meanwhile."""
    return subprocess.run(
        ["xdotool", "getwindowname", window], env=os.environ | {"DISPLAY": display},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
    ).stdout.strip()  # fmt: skip


def press(display: str, title: str, key: str) -> None:
    """Press a key on the window of that title, which may be gone before it is let go."""
    environment = os.environ | {"DISPLAY": display}
    subprocess.run(
        ["xdotool", "search", "--onlyvisible", "--name", title, "windowfocus", "--sync", "%1", "keydown", key],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    yield from start()


def until(true: Callable[[], bool], what: str) -> None:
    """Ask until it is true, each time after a little rest."""
    rest = threading.Event()
    for _ in range(TRIES):
        if true():
            return
        rest.wait(0.05)
    pytest.fail(f"never: {what}")
