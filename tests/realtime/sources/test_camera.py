from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from queue import Queue
from typing import Any

import cv2
import numpy as np
import pytest

from rimlight.errors import SourceError
from rimlight.realtime.sources import camera
from rimlight.realtime.sources.camera import CameraSource
from rimlight.types import Frame, Size

WAIT_S = 10.0  # only ever reached by a test that fails
MISS = object()


class FakeCapture:
    """A camera whose reads return what the test puts into `shots`, and hang while there is nothing."""

    def __init__(self, *shots: Any, opens: bool = True, fps: float = 30.0) -> None:
        self.shots: Queue[Any] = Queue()
        for shot in shots:
            self.shots.put(shot)
        self.asked: list[tuple[int, float]] = []
        self.released: list[str] = []
        self.gone = threading.Event()
        self._opens, self._fps = opens, fps

    def isOpened(self) -> bool:
        return self._opens

    def set(self, prop: int, value: float, /) -> bool:
        self.asked.append((prop, value))
        return True

    def get(self, prop: int, /) -> float:
        return self._fps if prop == cv2.CAP_PROP_FPS else 0.0

    def read(self) -> tuple[bool, Any]:
        shot = self.shots.get(timeout=WAIT_S)
        self.shots.task_done()
        if isinstance(shot, Exception):
            raise shot
        return (False, None) if shot is MISS else (True, shot)

    def release(self) -> None:
        self.released.append(threading.current_thread().name)
        self.gone.set()


SMALL = Size(4, 6)


def shot(level: int, size: Size = SMALL) -> np.ndarray:
    """A picture as OpenCV gives it: blue, green, red."""
    return np.full((size.height, size.width, 3), (level, 0, 200), np.uint8)


def opened(capture: FakeCapture, **options: Any) -> CameraSource:
    return CameraSource(0, open_capture=lambda _: capture, **{"timeout_s": WAIT_S, **options})


@pytest.fixture(autouse=True)
def _short_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "JOIN_S", 0.05)  # doubles hang in read until their next picture
    monkeypatch.setattr(camera, "MISS_PAUSE_S", 0.0)


def test_the_first_picture_gives_the_size_and_is_not_lost() -> None:
    with opened(FakeCapture(shot(1))) as source:
        assert (source.live, source.count, source.size, source.rate) == (True, None, Size(4, 6), 30)
        frame = next(iter(source))
    assert frame.cut
    assert frame.pts_s == 0.0
    assert tuple(frame.image[0, 0]) == (200, 0, 1)  # red first


def test_times_come_from_the_clock_of_the_capture() -> None:
    capture = FakeCapture(shot(1))
    with opened(capture) as source:
        frames = iter(source)
        first = next(frames)
        capture.shots.put(shot(2))
        second = next(frames)
    assert second.pts_s == second.captured_s - first.captured_s > 0
    assert not second.cut


def test_the_newest_picture_wins() -> None:
    capture = FakeCapture(shot(1))
    with opened(capture) as source:
        for level in (2, 3, 4, 5):
            capture.shots.put(shot(level))
        # Once a read of number 5 is done, 4 lies in the mailbox; 5 may or may not.
        capture.shots.join()
        frame = next(iter(source))
    assert frame.image[0, 0, 2] in (4, 5)
    assert frame.pts_s == 0.0  # time begins with the first one taken


def test_a_new_size_is_a_cut() -> None:
    capture = FakeCapture(shot(1))
    with opened(capture) as source:
        frames = iter(source)
        seen: list[Frame] = [next(frames)]
        for next_shot in (shot(2), shot(3, Size(8, 12)), shot(4, Size(8, 12))):
            capture.shots.put(next_shot)
            seen.append(next(frames))
    assert [frame.cut for frame in seen] == [True, False, True, False]


def test_single_misses_are_forgiven() -> None:
    capture = FakeCapture(shot(1))
    with opened(capture) as source:
        frames = iter(source)
        next(frames)
        for _ in range(3):
            for _ in range(camera.MISSES - 1):
                capture.shots.put(MISS)
            capture.shots.put(shot(7))
            assert next(frames).image[0, 0, 2] == 7


def test_an_unplugged_camera_is_told() -> None:
    capture = FakeCapture(shot(1), *[MISS] * camera.MISSES)
    with opened(capture) as source, pytest.raises(SourceError, match="plug it in"):
        list(source)
    assert capture.gone.wait(WAIT_S)


def test_a_camera_that_stands_still_is_told_in_time() -> None:
    capture = FakeCapture(shot(1))
    with opened(capture, timeout_s=0.05) as source, pytest.raises(SourceError, match="no picture from camera 0 for"):
        list(source)


def test_a_camera_that_never_gives_a_picture_is_told_at_once() -> None:
    with pytest.raises(SourceError, match="no picture"):
        opened(FakeCapture(), timeout_s=0.05)


def test_a_camera_in_use_is_told_and_let_go() -> None:
    capture = FakeCapture(opens=False)
    with pytest.raises(SourceError, match="cannot be opened"):
        opened(capture)
    assert capture.gone.is_set()


def test_an_error_of_the_grabbing_thread_reaches_the_reader() -> None:
    capture = FakeCapture(shot(1), RuntimeError("bus fault"))
    with opened(capture) as source, pytest.raises(RuntimeError, match="bus fault"):
        list(source)


def test_grey_pictures_are_refused() -> None:
    with pytest.raises(SourceError, match=r"\(H, W, 3\)"):
        opened(FakeCapture(np.zeros((4, 6), np.uint8)))


def test_format_is_asked_for_before_size_and_rate() -> None:
    capture = FakeCapture(shot(1))
    opened(capture, size=Size(720, 1280), rate=Fraction(60)).close()
    assert [prop for prop, _ in capture.asked[:4]] == [
        cv2.CAP_PROP_FOURCC,
        cv2.CAP_PROP_FRAME_WIDTH,
        cv2.CAP_PROP_FRAME_HEIGHT,
        cv2.CAP_PROP_FPS,
    ]
    assert [value for _, value in capture.asked[1:4]] == [1280, 720, 60]
    assert int(capture.asked[0][1]).to_bytes(4, "little") == b"MJPG"


@pytest.mark.parametrize(
    ("fps", "asked", "rate"),
    [
        (25.0, None, Fraction(25)),
        (29.97002997, None, Fraction(30000, 1001)),
        (0.0, Fraction(60), Fraction(60)),
        (float("nan"), None, Fraction(30)),
    ],
)
def test_the_rate_is_the_cameras_if_it_says_one(fps: float, asked: Fraction | None, rate: Fraction) -> None:
    with opened(FakeCapture(shot(1), fps=fps), rate=asked) as source:
        assert source.rate == rate


def test_closing_ends_a_reader_that_waits_and_releases_from_the_grabbing_thread() -> None:
    capture = FakeCapture(shot(1))
    source = opened(capture)
    frames = iter(source)
    next(frames)
    rest: list[Frame] = []
    reader = threading.Thread(target=lambda: rest.extend(frames))
    reader.start()
    source.close()
    reader.join(WAIT_S)
    assert not reader.is_alive()
    assert rest == []
    capture.shots.put(MISS)  # the read that hangs returns
    assert capture.gone.wait(WAIT_S)
    assert capture.released == ["camera 0"]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /dev")
@pytest.mark.parametrize("device", [987, "/dev/video987"])
def test_a_missing_camera_is_told_with_those_there_are(device: camera.Device) -> None:
    with pytest.raises(SourceError, match="no camera at /dev/video987; there"):
        CameraSource(device)


@pytest.mark.parametrize(
    ("spec", "device"), [("", 0), ("2", 2), ("/dev/video3", "/dev/video3"), ("/dev/v4l/by-id/x", "/dev/v4l/by-id/x")]
)
def test_a_spec_names_the_device(monkeypatch: pytest.MonkeyPatch, spec: str, device: camera.Device) -> None:
    named: list[camera.Device] = []

    def note(asked: camera.Device) -> FakeCapture:
        named.append(asked)
        return FakeCapture(shot(1))

    opener: Callable[[camera.Device], FakeCapture] = note
    monkeypatch.setattr(camera, "open_device", opener)
    camera.from_spec(spec).close()
    assert named == [device]
