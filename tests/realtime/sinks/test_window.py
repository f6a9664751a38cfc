from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rimlight.errors import MissingExtraError, SinkError
from rimlight.realtime.sinks import window
from rimlight.realtime.sinks.base import ReceiverGoneError
from rimlight.realtime.sinks.options import Options
from rimlight.realtime.sinks.window import WindowSink, from_spec
from rimlight.realtime.windows.tkscreen import TkScreen
from rimlight.types import Size
from tests.realtime.sources.media import numbered

from .outputs import INFO, write_all


class FakeScreen:
    """OpenCV's windows without a display."""

    def __init__(self) -> None:
        self.shown: list[np.ndarray] = []
        self.key = -1
        self.visible = False

    def namedWindow(self, _name: str, _flags: int, /) -> None:
        self.visible = True

    def imshow(self, _name: str, mat: Any, /) -> None:
        self.shown.append(mat.copy())

    def pollKey(self) -> int:
        return self.key

    def getWindowProperty(self, _name: str, _prop: int, /) -> float:
        return float(self.visible)

    def destroyWindow(self, _name: str, /) -> None:
        assert self.visible, "OpenCV raises for a window that is gone"
        self.visible = False


def test_frames_are_shown_at_any_size_and_the_window_closes() -> None:
    screen = FakeScreen()
    with WindowSink(screen) as sink:
        write_all(sink, 2)
        write_all(sink, 1, Size(32, 64))
    assert not screen.visible
    assert np.array_equal(screen.shown[0], numbered(1)[0][:, :, ::-1])  # OpenCV shows blue first
    assert screen.shown[2].shape == (32, 64, 3)
    sink.close()


@pytest.mark.parametrize("key", [27, ord("q")])
def test_q_and_escape_end_it(key: int) -> None:
    screen = FakeScreen()
    screen.key = key
    with pytest.raises(ReceiverGoneError, match="closed after 1 frames"), WindowSink(screen) as sink:
        write_all(sink, 3)
    assert not screen.visible


def test_closing_the_window_ends_it() -> None:
    screen = FakeScreen()
    sink = WindowSink(screen)
    write_all(sink, 1)
    screen.visible = False
    with pytest.raises(ReceiverGoneError):
        write_all(sink, 1)
    sink.close()


def test_a_headless_opencv_gets_a_window_of_tk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window.cv2, "getBuildInformation", lambda: "  GUI:                           NONE\n")
    monkeypatch.setattr(window, "ON_LINUX", False)
    monkeypatch.setattr(window, "TkScreen", FakeScreen)
    with WindowSink() as sink:
        write_all(sink, 2)
    assert sink.frames == 2


def test_without_any_windows_it_names_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    screen = tmp_path / "screen.py"
    screen.write_text("print('missing')")
    monkeypatch.setattr("rimlight.realtime.windows.view.SCREEN", screen)
    with pytest.raises(MissingExtraError, match=r"tkinter.*rimlight\[window\]"):
        WindowSink(TkScreen())


def test_a_build_that_fails_to_open_a_window_names_it_too() -> None:
    class Headless(FakeScreen):
        def namedWindow(self, _name: str, _flags: int, /) -> None:
            raise cv2.error("The function is not implemented")

    with pytest.raises(MissingExtraError, match="opencv-python"):
        WindowSink(Headless())


def test_without_a_display_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window.cv2, "getBuildInformation", lambda: "  GUI:                           QT5\n")
    monkeypatch.setattr(window, "ON_LINUX", True)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(SinkError, match="DISPLAY"):
        WindowSink()


def test_alpha_is_refused() -> None:
    with pytest.raises(SinkError, match="no alpha"):
        from_spec("", INFO, Options(alpha=True))


def test_a_window_takes_no_name() -> None:
    with pytest.raises(SinkError, match="window:2"):
        from_spec("2", INFO, Options())
