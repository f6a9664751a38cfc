"""A window on this screen: OpenCV's, or Tk's where OpenCV is the headless build."""

from __future__ import annotations

import os
import sys
from typing import Any, Protocol, cast

import cv2

from rimlight.errors import MissingExtraError, SinkError
from rimlight.pixels import to_rgb
from rimlight.realtime.sinks.base import Ends, PixelFormat, ReceiverGoneError, StreamInfo
from rimlight.realtime.sinks.options import Options
from rimlight.realtime.windows.tkscreen import TkScreen
from rimlight.types import Frame

TITLE = "rimlight"
QUIT_KEYS = (27, ord("q"))  # Escape
ON_LINUX = sys.platform == "linux"


class Screen(Protocol):
    """What is used of OpenCV's windows; also satisfied by the cv2 module."""

    def namedWindow(self, winname: str, flags: int, /) -> None: ...

    def imshow(self, winname: str, mat: Any, /) -> None: ...

    def pollKey(self) -> int: ...

    def getWindowProperty(self, winname: str, prop_id: int, /) -> float: ...

    def destroyWindow(self, winname: str, /) -> None: ...


class WindowSink(Ends):
    """Shows each frame until the next, at any size; must be used from the main thread, as OpenCV's windows must.

    screen: cv2, TkScreen, or a double in tests. Opening raises MissingExtraError where OpenCV is the headless
    build and Python has no tkinter, and SinkError where there is no display; write raises ReceiverGoneError once
    the window is closed, or q or Escape is pressed.
    """

    wants: PixelFormat = "rgb"
    carries_alpha = False

    def __init__(self, screen: Screen | None = None) -> None:
        self.frames = 0
        self._screen = screen or _windows()
        try:
            self._screen.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error as error:
            raise MissingExtraError("a window", "opencv-python", "window") from error
        self._open = True

    def write(self, frame: Frame) -> None:
        self._screen.imshow(TITLE, cv2.cvtColor(to_rgb(frame.pixels), cv2.COLOR_RGB2BGR))
        self.frames += 1
        pressed = self._screen.pollKey() & 0xFF in QUIT_KEYS
        if pressed or self._screen.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            raise ReceiverGoneError(f"the window was closed after {self.frames} frames")

    def close(self) -> None:
        if self._open and self._screen.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1:
            self._screen.destroyWindow(TITLE)
        self._open = False


def from_spec(rest: str, info: StreamInfo, options: Options) -> WindowSink:  # noqa: ARG001 - any size and rate
    """A window for the registry; raises SinkError where alpha is asked for."""
    if rest:
        raise SinkError(f"expected window, got window:{rest}")
    if options.alpha:
        raise SinkError("a window has no alpha; choose a backdrop, or write to a file that keeps alpha")
    return WindowSink()


def _windows() -> Screen:
    """The cv2 module, once it is sure that opening a window returns: Qt ends the process where there is no display."""
    if ON_LINUX and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise SinkError("a window needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set; write to a file")
    if "GUI:                           NONE" in cv2.getBuildInformation():
        return TkScreen()
    return cast("Screen", cv2)
