from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rimlight.pixels import to_i420
from rimlight.realtime.preview import Preview, Told, drawing
from rimlight.realtime.preview.drawing import PRIVATE, STATES, Words, page, panel_size, shrunk
from rimlight.realtime.session import Matter, Settings
from rimlight.realtime.stats import Stats
from rimlight.types import Frame, Size, UInt8Array
from tests.realtime.streams import frames

FULL = Size(90, 160)
WORDS = Words("live", "", ("30.0 fps out", "a device"))


class FakeView:
    """A window that is asked by hand."""

    def __init__(self, _title: str, picture: Callable[[], UInt8Array], _interval_ms: int) -> None:
        self.picture, self.open = picture, True

    def close(self) -> None:
        self.open = False


def preview(state: str = "live", stats: Stats | None = None) -> Preview:
    return Preview(lambda: Told(state, "why", "a device", (stats or Stats()).snapshot()), open_view=FakeView)  # type: ignore[arg-type]


def plain(colour: tuple[int, int, int]) -> UInt8Array:
    return np.full((FULL.height, FULL.width, 3), colour, np.uint8)


def has(image: np.ndarray, colour: tuple[int, ...]) -> bool:
    return bool((np.abs(image.astype(int) - colour).max(axis=2) <= 2).any())


def matter(shown: Preview) -> Matter:
    return Matter(Settings(backend="fake", long_side=128), shown.observe)


def test_nothing_is_copied_until_the_window_asks() -> None:
    shown = preview()
    watched = matter(shown)
    (frame,) = frames(1, FULL)
    watched.matte([frame])
    shown.written(Frame(plain((1, 2, 3)), 0.0, 0.0))
    assert shown._input is None
    assert shown._output is None
    shown.picture()  # nothing came yet; from now on it waits for copies
    watched.matte([frame])
    shown.written(Frame(plain((1, 2, 3)), 0.0, 0.0))
    assert shown._input is not None
    assert shown._output is not None
    kept = shown._input
    watched.matte([frame])
    assert shown._input is kept  # one picture for one question
    watched.close()


def test_copies_stay_when_the_streams_buffers_are_used_again() -> None:
    shown = preview()
    shown.picture()
    buffer = plain((200, 30, 40))
    shown.written(Frame(buffer, 0.0, 0.0))
    buffer[:] = 0
    watched = matter(shown)
    (matted,) = watched.matte([Frame(plain((90, 160, 250)), 0.0, time.perf_counter(), cut=True)])
    matted.small[:] = 0
    matted.coefficients.offset[:] = 0
    picture = shown.picture()
    assert has(picture, (200, 30, 40))
    assert has(picture, (90, 160, 250))
    watched.close()


def test_an_old_picture_is_not_shown_as_if_it_were_now(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = preview("cover")
    shown.picture()
    shown.written(Frame(plain((200, 30, 40)), 0.0, 0.0))
    watched = matter(shown)
    watched.matte([Frame(plain((90, 160, 250)), 0.0, 0.0, cut=True)])
    assert has(shown.picture(), (90, 160, 250))
    monkeypatch.setattr("rimlight.realtime.preview.preview.OLD_S", 0.0)
    later = shown.picture()
    assert not has(later, (90, 160, 250))
    assert not has(later, (200, 30, 40))
    assert has(later, STATES["cover"])
    watched.close()


def test_every_state_has_its_colour_and_the_input_its_warning() -> None:
    for state, colour in STATES.items():
        drawn = page((None, None, None), replace(WORDS, state=state))
        assert has(drawn, colour)
        assert has(drawn, PRIVATE)
    assert has(page((None, None, None), replace(WORDS, state="file")), drawing.OTHER_STATE)


def test_a_page_keeps_its_size_whatever_is_said() -> None:
    picture = shrunk(plain((9, 9, 9)))
    sizes = {page((picture,) * 3, replace(WORDS, reason=reason)).shape for reason in ("", "no " * 200)}
    assert len(sizes) == 1


@pytest.mark.parametrize("full", [Size(720, 1280), Size(1280, 720), Size(480, 640), Size(1, 16000), Size(7, 5)])
def test_pictures_of_any_shape_fit_their_panels(full: Size) -> None:
    size = panel_size(full)
    assert 2 <= size.height <= drawing.PANEL.height
    assert 2 <= size.width <= drawing.PANEL.width
    image = np.full((full.height, full.width, 3), (10, 200, 90), np.uint8)
    for pixels in (image, to_i420(image)):
        small = shrunk(pixels)
        assert small.shape == (size.height, size.width, 3)
        assert has(small, (10, 200, 90))


def test_what_is_transparent_shows_a_chequered_ground() -> None:
    rgba = np.zeros((FULL.height, FULL.width, 4), np.uint8)
    rgba[:, :80] = (250, 10, 20, 255)
    small = shrunk(rgba)
    assert has(small, (250, 10, 20))
    assert has(small, (96, 96, 96))
    assert has(small, (140, 140, 140))


def test_rates_are_those_of_the_last_seconds() -> None:
    from rimlight.realtime.preview.preview import _Rates

    rates = _Rates()
    assert rates.update({"out": 100}, 10.0) == {}
    assert rates.update({"out": 130, "in": 15}, 11.0) == {"out": 30.0, "in": 15.0}
    assert rates.update({"out": 999}, 12.0) == {"out": 30.0, "in": 15.0}
    assert rates.update({"out": 170, "in": 35}, 13.0) == {"out": 20.0, "in": 10.0}


def test_figures_tell_latency_and_detail() -> None:
    stats = Stats()
    stats.sample("latency", 0.05)
    stats.level("long_side", 384)
    words = preview(stats=stats)._words(Told("live", "", "a device", stats.snapshot()), 0.0)
    assert words.figures == ("0.0 fps out   0.0 fps matted   latency 50 ms, p95 50   detail 384", "a device")
