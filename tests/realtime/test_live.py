"""What leaves a live stream when things break: the person before the backdrop, or the cover, never anything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import BackdropError, SinkError
from rimlight.pixels import to_i420
from rimlight.realtime.live import Live
from rimlight.realtime.safety import Limits, State
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks import open_sink
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.types import Frame

from .faults import (
    BACKDROP,
    BEHIND,
    SENTINEL,
    SIZE,
    ScanningSink,
    SentinelCamera,
    backends_that_fail,
    camera_faults,
    now_and_then,
)

LIMITS = Limits(late_s=0.1, stale_s=0.2)
ALL = ("error", "surprise", "memory", "nan", "size", "hang", "stale")


def no_fault() -> str:
    return ""


def stream(
    monkeypatch: pytest.MonkeyPatch, misbehave: Callable[[], str] = no_fault,
    camera: Callable[[Frame], Frame] = lambda frame: frame, **options: float,
) -> Live:  # fmt: skip
    monkeypatch.setattr("rimlight.realtime.session.open_backend", backends_that_fail(misbehave))
    settings = Settings(backend="fake", backdrop=BACKDROP)
    return Live(lambda: SentinelCamera(camera), settings, SIZE, Fraction(500), limits=LIMITS, retry_s=0.005, **options)  # type: ignore[arg-type]


def run(live: Live, enough: int, *, both: bool = False) -> ScanningSink:
    stop = threading.Event()
    sink = ScanningSink(enough, stop, both=both)
    live.run(sink, stop)
    return sink


def test_without_faults_the_person_is_shown_and_nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    live = stream(monkeypatch)
    sink = run(live, 300, both=True)
    assert sink.leaked == 0
    assert sink.with_person > 0


@pytest.mark.parametrize("kind", ALL)
def test_no_fault_of_the_network_lets_the_room_out(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    sink = run(stream(monkeypatch, now_and_then(1, (kind,), 0.05)), 400, both=True)
    assert sink.leaked == 0
    assert 0 < sink.with_person < sink.seen  # shown between faults, covered during them


@pytest.mark.parametrize("kind", ["error", "nan", "size", "stale"])
def test_a_network_that_only_fails_shows_only_the_cover(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    calls = iter([""] + [kind] * 10**6)
    live = stream(monkeypatch, lambda: next(calls))
    sink = run(live, 100)
    assert sink.leaked == 0
    assert sink.with_person == 0
    assert live.status().state is State.COVER
    assert live.status().reason


def test_no_fault_of_the_camera_lets_the_room_out(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = run(stream(monkeypatch, camera=camera_faults(2, 0.05)), 600, both=True)
    assert sink.leaked == 0
    assert 0 < sink.with_person < sink.seen


@pytest.mark.slow
def test_ten_thousand_faulted_frames_hold_no_pixel_of_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threading.active_count()
    live = stream(monkeypatch, now_and_then(3, ALL, 0.03), camera_faults(4, 0.02))
    sink = run(live, 10_000)
    assert sink.leaked == 0
    assert sink.with_person > 100
    assert live.status().stats.counts["faults"] > 100
    assert threading.active_count() <= before + 1


def test_a_network_that_hangs_is_abandoned_and_another_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    released, calls = threading.Event(), iter(range(10**6))

    def hang_once() -> str:
        if next(calls) == 20:
            released.wait(30)
        return ""

    live = stream(monkeypatch, hang_once, hang_s=0.3)
    stop = threading.Event()
    sink = ScanningSink(ScanningSink.MOST, stop)
    live.run(sink, stop, lambda _: stop.set() if sink.shown_after else None)
    released.set()
    assert sink.leaked == 0
    assert sink.shown_after > 0


def test_a_pause_covers_and_its_end_shows_again(monkeypatch: pytest.MonkeyPatch) -> None:
    live = stream(monkeypatch)
    stop = threading.Event()
    sink = ScanningSink(10**9, stop)
    shown: list[int] = []

    def steps(_: Frame) -> None:
        if not shown and sink.with_person:
            live.pause(True)
            shown.append(sink.seen)
            sink.with_person = 0
        if len(shown) == 1 and sink.seen == shown[0] + 100:
            shown.append(sink.with_person)
            live.pause(False)
        if (len(shown) == 2 and sink.with_person) or sink.seen > ScanningSink.MOST:
            stop.set()

    live.run(sink, stop, steps)
    assert shown[1] == 0
    assert sink.with_person > 0
    assert sink.leaked == 0


def test_nobody_watching_closes_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[SentinelCamera] = []
    closed: list[SentinelCamera] = []

    class Counted(SentinelCamera):
        def __init__(self) -> None:
            super().__init__()
            opened.append(self)

        def close(self) -> None:
            closed.append(self)

    monkeypatch.setattr("rimlight.realtime.session.open_backend", backends_that_fail(no_fault))
    settings = Settings(backend="fake", backdrop=BACKDROP)
    live = Live(Counted, settings, SIZE, Fraction(200), limits=LIMITS)
    live.watch(False)
    stop = threading.Event()
    sink = ScanningSink(10**9, stop)

    def steps(_: Frame) -> None:
        if sink.seen == 20:
            assert not opened
            live.watch(True)
        if sink.with_person and not live.status().watched:
            stop.set()
        if sink.with_person == 20:
            live.watch(False)

    live.run(sink, stop, steps)
    assert len(opened) == 1
    assert closed == opened
    assert sink.leaked == 0


def test_a_bad_change_is_the_callers_error_and_the_old_backdrop_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    live = stream(monkeypatch)
    with pytest.raises(BackdropError, match="no backdrop"):
        live.apply(backdrop="missing.jpg")
    with pytest.raises(TypeError):
        live.apply(volume=11)
    assert live.status().backdrop == BACKDROP
    assert run(live, 100).leaked == 0


def test_a_backdrop_changes_while_running(monkeypatch: pytest.MonkeyPatch) -> None:
    live = stream(monkeypatch)
    stop = threading.Event()
    corners: list[tuple[int, ...]] = []

    class Corner(ScanningSink):
        def write(self, frame: Frame) -> None:
            super().write(frame)
            corners.append(tuple(int(value) for value in frame.image[0, 0]))

    sink = Corner(400, stop)
    live.run(sink, stop, lambda _: live.apply(backdrop="#102030") if sink.seen == 200 else None)
    assert corners[100] == BEHIND
    assert corners[-1] == (0x10, 0x20, 0x30)
    assert len(set(corners)) == 2


def test_a_sink_that_breaks_ends_the_stream_and_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    live = stream(monkeypatch)
    before = threading.active_count()

    class Broken(ScanningSink):
        def write(self, frame: Frame) -> None:
            super().write(frame)
            if self.seen == 50:
                raise SinkError("the device is gone")

    with pytest.raises(SinkError, match="the device is gone"):
        live.run(Broken(10**9, threading.Event()), threading.Event())
    assert threading.active_count() <= before


def test_a_sink_that_blocks_shows_nothing_stale_after(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = threading.Event()

    def camera(frame: Frame) -> Frame:
        if frozen.is_set():
            time.sleep(0.5)
        return frame

    live = stream(monkeypatch, camera=camera)
    stop = threading.Event()
    after_block: list[bool] = []

    class Slow(ScanningSink):
        def write(self, frame: Frame) -> None:
            before = self.with_person
            super().write(frame)
            if self.seen == 101:
                after_block.append(self.with_person > before)
            if self.seen == 100:
                frozen.set()
                time.sleep(0.3)  # blocked for longer than a picture may be shown

    sink = Slow(150, stop)
    live.run(sink, stop)
    assert sink.leaked == 0
    assert after_block == [False]  # covered: what was finished before is too old now


def test_a_backdrop_video_that_vanishes_ends_nothing_and_lets_nothing_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    video = tmp_path / "sea.mp4"
    with open_sink(str(video), StreamInfo(SIZE, Fraction(30))) as file:
        grey = to_i420(np.full((SIZE.height, SIZE.width, 3), 90, np.uint8))
        for index in range(6):
            file.write(Frame(grey, index / 30, 0.0))
    monkeypatch.setattr("rimlight.realtime.session.open_backend", backends_that_fail(no_fault))
    settings = Settings(backend="fake", backdrop=str(video))
    live = Live(SentinelCamera, settings, SIZE, Fraction(200), limits=LIMITS)
    stop = threading.Event()
    seen: list[int] = []

    class Looking(ScanningSink):
        def write(self, frame: Frame) -> None:
            sentinel = (frame.image == SENTINEL).all(axis=2)
            seen.append(int(sentinel[self.outside].sum()))

    def steps(frame: Frame) -> None:
        if len(seen) == 20:
            video.unlink()
        if frame.pts_s > 1.0:  # several loops later
            stop.set()

    live.run(Looking(10**9, stop), stop, steps)
    assert len(seen) > 20
    assert sum(seen) == 0
