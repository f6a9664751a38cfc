"""A window that cannot harm the stream: it lives in a process of its own and asks for a picture when it wants one."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from rimlight.errors import MissingExtraError, SinkError
from rimlight.types import UInt8Array

SCREEN = Path(__file__).with_name("screen.py")
START_S = 30.0  # Python and Tk on a busy machine
END_S = 2.0


class View:
    """Shows what `picture` gives: (H, W, 3) uint8 RGB, or None where there is nothing new.

    picture is called in the view's own thread, each time the window has drawn the one before, at least interval_ms
    after it; it may wait a little, not for ever. Raises MissingExtraError where Python has no tkinter, SinkError where
    there is no display.
    """

    def __init__(self, title: str, picture: Callable[[], UInt8Array | None], interval_ms: int = 0) -> None:
        self._picture = picture
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(SCREEN), title, str(interval_ms)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._stop = threading.Event()
        self._began = threading.Event()
        self._first = ""
        self._thread = threading.Thread(target=self._serve, name="rimlight-view", daemon=True)
        self._thread.start()
        self._began.wait(START_S)
        if self._first != "ready":
            self.close()
            raise _no_window(self._first)

    @property
    def open(self) -> bool:
        """Whether the window is still there."""
        return self._process.poll() is None

    def close(self) -> None:
        """Take the window away; a second call does nothing."""
        self._stop.set()
        if self._process.poll() is None:
            self._process.kill()  # it holds nothing that could be lost
        self._process.wait(END_S)
        self._thread.join(END_S)

    def _serve(self) -> None:
        """Answer every line of the window with a picture, until one of us ends."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError), process.stdin, process.stdout:  # an OSError: the window was closed meanwhile
            for line in process.stdout:
                if not self._began.is_set():
                    self._first = line.decode(errors="replace").strip()
                    self._began.set()
                if line.strip() != b"ready" or (picture := self._next()) is None:
                    break
                data = ppm(picture)
                process.stdin.write(len(data).to_bytes(4, "big") + data)
                process.stdin.flush()
        self._began.set()

    def _next(self) -> UInt8Array | None:
        """The next picture; None once the window is gone or is to go."""
        while not self._stop.is_set() and self.open:
            picture = self._picture()
            if picture is not None:
                return picture
        return None


def ppm(picture: UInt8Array) -> bytes:
    """A picture (H, W, 3) as a binary PPM, which Tk reads without help."""
    height, width = picture.shape[:2]
    return b"P6 %d %d 255\n" % (width, height) + np.ascontiguousarray(picture).tobytes()


def _no_window(said: str) -> Exception:
    if said == "missing":
        return MissingExtraError("a window", "tkinter (apt install python3-tk) or opencv-python", "window")
    why = said.removeprefix("closed: ") or f"it did not open within {START_S:g} s"
    return SinkError(f"cannot open a window: {why}; run it where there is a display, or leave the window out")
