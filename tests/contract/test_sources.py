"""What every source promises, whatever it reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.errors import SourceError
from rimlight.realtime.sources import SOURCES, Source, open_source
from rimlight.realtime.sources import camera as cameras
from rimlight.types import I420, Size
from tests.realtime.sources.media import numbered, write_video
from tests.realtime.sources.test_camera import FakeCapture, shot

Opens = Callable[[Path, pytest.MonkeyPatch], Source]
COUNT = 6


def _file(folder: Path, _: pytest.MonkeyPatch) -> Source:
    return open_source(str(write_video(folder / "a.mp4", numbered(COUNT))))


def _rgb_file(folder: Path, _: pytest.MonkeyPatch) -> Source:
    return open_source(str(write_video(folder / "a.mkv", numbered(COUNT), codec="ffv1", pixel_format="bgra")))


def _picture(folder: Path, _: pytest.MonkeyPatch) -> Source:
    path = folder / "a.png"
    path.write_bytes(cv2.imencode(".png", numbered(1)[0])[1].tobytes())
    return open_source(str(path))


def _pattern(_folder: Path, _: pytest.MonkeyPatch) -> Source:
    return open_source(f"pattern:112x64@30:{COUNT}")


def _live_pattern(_folder: Path, _: pytest.MonkeyPatch) -> Source:
    return open_source(f"pattern-live:112x64@30:{COUNT}")


def _camera(_folder: Path, patch: pytest.MonkeyPatch) -> Source:
    patch.setattr(cameras, "JOIN_S", 0.01)
    patch.setattr(cameras, "open_device", lambda _: FakeCapture(*[shot(9, Size(64, 112))] * 3))
    return open_source("camera:0")


OPENERS = {
    "file": _file,
    "rgb file": _rgb_file,
    "picture": _picture,
    "pattern": _pattern,
    "live pattern": _live_pattern,
    "camera": _camera,
}


@pytest.fixture(params=OPENERS)
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return OPENERS[request.param](tmp_path, monkeypatch)


def test_it_is_a_source_with_facts(source: Source) -> None:
    assert isinstance(source, Source)
    assert source.size == Size(64, 112)
    assert isinstance(source.rate, Fraction)
    assert source.rate == 30
    assert isinstance(source.live, bool)
    assert source.count is None or source.count >= 1
    source.close()


def test_frames_are_well_formed(source: Source) -> None:
    before = time.perf_counter() - 1
    with source:
        for frame in islice(source, 1 if source.live else None):
            assert frame.size == source.size
            assert frame.image.shape == (64, 112, 3)
            assert frame.image.dtype == np.uint8
            if isinstance(frame.pixels, I420):
                assert frame.pixels.u.shape == frame.pixels.v.shape == (32, 56)
            assert before < frame.captured_s <= time.perf_counter()


def test_the_first_frame_is_a_cut_at_time_zero_and_time_goes_on(source: Source) -> None:
    with source:
        frames = list(islice(source, 1 if source.live else None))
    assert frames[0].cut
    assert frames[0].pts_s == 0.0
    assert not any(frame.cut for frame in frames[1:])
    assert all(late.pts_s > early.pts_s for early, late in pairwise(frames))


def test_a_known_count_is_right(source: Source) -> None:
    with source:
        if source.count is not None:
            assert len(list(source)) == source.count


def test_frames_stay_good_after_later_ones_and_after_closing(source: Source) -> None:
    with source:
        frames = list(islice(source, 1 if source.live else None))
        copies = [frame.image.copy() for frame in frames]
    assert all(np.array_equal(frame.image, copy) for frame, copy in zip(frames, copies, strict=True))


def test_it_closes_twice_and_then_ends(source: Source) -> None:
    source.close()
    source.close()
    assert list(source) == []


def test_it_may_be_read_by_a_thread_that_did_not_open_it(source: Source) -> None:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(next(iter(source)).cut))
    thread.start()
    thread.join(30)
    source.close()
    assert found == [True]


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_that_cannot_be_opened_says_so_in_one_line(kind: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(f"{kind}:{tmp_path / 'nothing here'}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize(
    ("spec", "kind", "rest"),
    [
        ("camera", "camera", ""),
        ("camera:1", "camera", "1"),
        ("0", "camera", "0"),
        ("/dev/video2", "camera", "/dev/video2"),
        ("pattern", "pattern", ""),
        ("pattern-live", "pattern-live", ""),
        ("pattern:64x48@5:9", "pattern", "64x48@5:9"),
        ("me.mp4", "file", "me.mp4"),
        ("C:\\me.mp4", "file", "C:\\me.mp4"),
        ("file:camera", "file", "camera"),
        ("me.JPG", "picture", "me.JPG"),
        ("picture:me.mp4", "picture", "me.mp4"),
    ],
)
def test_a_spec_chooses_the_source(monkeypatch: pytest.MonkeyPatch, spec: str, kind: str, rest: str) -> None:
    asked: list[tuple[str, str]] = []
    for name in SOURCES:
        monkeypatch.setitem(SOURCES, name, lambda text, _size, _rate, name=name: asked.append((name, text)))
    open_source(spec)
    assert asked == [(kind, rest)]


def test_an_empty_spec_is_refused() -> None:
    with pytest.raises(SourceError, match="empty name"):
        open_source(" ")


def test_an_address_is_refused() -> None:
    with pytest.raises(SourceError, match="is an address"):
        open_source("rtsp://camera.local/1")


def test_a_file_cannot_be_asked_for_a_size(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="its own size"):
        open_source(str(tmp_path / "a.mp4"), size=Size(2, 2))


def test_it_is_iterated_once(source: Source) -> None:
    with source:
        if source.count is not None:
            assert len(list(source)) == source.count
            assert list(source) == []
