"""Windows on a real display without a screen: looked at, closed, and never in the stream's way."""

from __future__ import annotations

import threading
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rimlight.realtime.live import Live
from rimlight.realtime.preview import preview_live
from rimlight.realtime.preview.preview import TITLE
from rimlight.realtime.safety import Limits
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.base import ReceiverGoneError
from rimlight.realtime.sinks.window import WindowSink
from rimlight.realtime.windows import TkScreen, View
from rimlight.types import Frame, UInt8Array
from tests.realtime.faults import BACKDROP, BEHIND, SENTINEL, SIZE, ScanningSink, SentinelCamera
from tests.realtime.windows.xvfb import TRIES, display, press, shot, titles, until

__all__ = ["display"]


@pytest.fixture
def on_display(display: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    return display


def has(image: np.ndarray, colour: tuple[int, int, int], least: int = 200) -> bool:
    return int((image == colour).all(axis=2).sum()) >= least


def write_on(sink: WindowSink, frame: Frame) -> None:
    """Write until the sink wants no more; its window is gone from the screen a moment before its process ends."""
    rest = threading.Event()
    for _ in range(TRIES):
        sink.write(frame)
        rest.wait(0.05)


class Running:
    """A live stream with a preview in a thread of its own, until told to stop."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.sink = ScanningSink(10**9, self.stop)
        self.sink.MOST = 10**9  # type: ignore[misc]
        settings = Settings(backend="fake", backdrop=BACKDROP, long_side=128)
        self.live = Live(SentinelCamera, settings, SIZE, Fraction(50), limits=Limits(5.0, 10.0))
        self.preview = preview_live(self.live)
        self._thread = threading.Thread(target=self.live.run, args=(self.sink, self.stop, self.preview.written))

    def __enter__(self) -> Running:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._thread.join(10)
        self.preview.close()


def test_the_preview_shows_the_room_and_the_output_never_does(on_display: str, tmp_path: Path) -> None:
    with Running() as running:
        path = tmp_path / "live.png"
        until(lambda: has(shot(on_display, path), SENTINEL) and has(shot(on_display, path), BEHIND), "input and output")
        assert titles(on_display) == [TITLE]
        running.live.pause(True)
        until(lambda: has(shot(on_display, path), (190, 52, 52)), "the state is COVER")
        assert running.preview.open
    assert running.sink.with_person > 0
    assert running.sink.leaked == 0
    until(lambda: not titles(on_display), "the window is gone with the stream")


def test_closing_the_preview_ends_only_the_preview(on_display: str) -> None:
    with Running() as running:
        preview = running.preview
        until(lambda: running.sink.with_person > 0, "the person is shown")
        press(on_display, TITLE, "q")
        until(lambda: not preview.open, "the window is closed")
        seen = running.sink.seen
        until(lambda: running.sink.seen > seen + 20, "the stream goes on")
    assert running.sink.leaked == 0


def test_a_headless_installation_has_a_window_sink(on_display: str, tmp_path: Path) -> None:
    colour = (40, 200, 90)
    image: UInt8Array = np.full((60, 80, 3), colour, np.uint8)
    with WindowSink(TkScreen()) as sink:
        sink.write(Frame(image, 0.0, 0.0))
        until(lambda: has(shot(on_display, tmp_path / "window.png"), colour, 60 * 80), "the picture")
        assert titles(on_display) == ["rimlight"]
        large = np.full((1440, 2560, 3), (200, 10, 30), np.uint8)
        sink.write(Frame(large, 0.0, 0.0))
        until(lambda: has(shot(on_display, tmp_path / "window.png"), (200, 10, 30), 1280 * 700), "the large picture")
        press(on_display, "rimlight", "Escape")
        until(lambda: not titles(on_display), "the window is closed")
        with pytest.raises(ReceiverGoneError):
            write_on(sink, Frame(image, 0.0, 0.0))
    until(lambda: not titles(on_display), "nothing is left on the screen")


def test_a_view_that_is_closed_twice_is_just_closed(on_display: str) -> None:
    picture: UInt8Array = np.zeros((20, 20, 3), np.uint8)
    with closing(View("rimlight", lambda: picture)) as view:
        until(lambda: titles(on_display) == ["rimlight"], "the window is shown")
        view.close()
        assert not view.open
