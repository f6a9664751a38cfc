"""OpenCV's window functions on top of a view, for installations whose OpenCV has no windows."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from rimlight.realtime.sources.mailbox import Mailbox
from rimlight.realtime.windows.view import View
from rimlight.types import UInt8Array

LARGEST = (1280, 720)  # width and height that a picture is scaled down to; Tk draws more too slowly
WAIT_S = 0.1


class TkScreen:
    """One window; what is shown while it still draws replaces what waits. q, Escape or its button closes it."""

    def __init__(self) -> None:
        self._newest: Mailbox[UInt8Array] = Mailbox()
        self._view: View | None = None

    def namedWindow(self, name: str, _flags: int, /) -> None:
        """Open the window; raises MissingExtraError without tkinter and SinkError without a display."""
        self._view = View(name, self._picture)

    def imshow(self, _name: str, mat: Any, /) -> None:
        """Show a picture (H, W, 3) in blue, green, red; returns at once."""
        height, width = mat.shape[:2]
        ratio = min(1.0, LARGEST[0] / width, LARGEST[1] / height)
        if ratio < 1:
            size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
            mat = cv2.resize(mat, size, interpolation=cv2.INTER_AREA)
        self._newest.put(np.asarray(cv2.cvtColor(mat, cv2.COLOR_BGR2RGB), np.uint8))

    def pollKey(self) -> int:
        """No key: the window knows by itself which ones close it."""
        return -1

    def getWindowProperty(self, _name: str, _prop_id: int, /) -> float:
        """Whether the window is there, the only property asked for."""
        return float(self._view is not None and self._view.open)

    def destroyWindow(self, _name: str, /) -> None:
        """Take the window away."""
        if self._view is not None:
            self._view.close()

    def _picture(self) -> UInt8Array | None:
        try:
            return self._newest.take(WAIT_S)
        except TimeoutError:
            return None
