from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction

import pytest

from rimlight.realtime import loop
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.governor import Budget, Governor, configure
from rimlight.realtime.loop import run
from rimlight.realtime.session import Matted, Matter, Painter
from rimlight.realtime.sources.base import Closes
from rimlight.realtime.sources.mailbox import Mailbox
from rimlight.realtime.stats import Stats
from rimlight.types import Frame, Size

from .streams import FAKE, SIZE, ListSource, Recorder, frames, play, stages

PATIENCE_S = 30  # until a test that hangs fails


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert stages() == []


class Camera(Closes):
    """A live source fed by the test; ends when it is closed."""

    live, count, size, rate = True, None, SIZE, Fraction(30)

    def __init__(self) -> None:
        self.mailbox: Mailbox[Frame] = Mailbox()

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self.mailbox.take(PATIENCE_S)) is not None:
            yield frame

    def close(self) -> None:
        self.mailbox.close()


def test_a_live_source_gives_the_newest_frame_and_drops_the_rest() -> None:
    camera, given = Camera(), frames(10)
    at_work, go = threading.Semaphore(0), threading.Semaphore(0)

    class Gated(Matter):
        def matte(self, frames: Sequence[Frame]) -> list[Matted]:
            at_work.release()
            assert go.acquire(timeout=PATIENCE_S)
            return super().matte(frames)

    def script() -> None:
        """Three frames come while the first is matted, five while the next is."""
        for arrivals in ([0], [1, 2, 3], [4, 5, 6, 7, 8]):
            for index in arrivals:
                camera.mailbox.put(given[index])
            if arrivals[0]:
                go.release()
            assert at_work.acquire(timeout=PATIENCE_S)
        camera.close()
        go.release()

    sink, stats = Recorder(), Stats()
    director = threading.Thread(target=script)
    director.start()
    with closing(Gated(FAKE)) as matter, sink:
        run(camera, matter, Painter(FAKE, open_backdrop("black"), "rgb"), sink, stats, lambda _: None)
    director.join(PATIENCE_S)
    assert sink.times == [given[index].pts_s for index in (0, 3, 8)]
    assert stats.snapshot().counts == {"in": 3, "out": 3}
    assert camera.mailbox.replaced == 6


def test_an_error_of_a_camera_surfaces() -> None:
    camera = Camera()
    camera.mailbox.put(frames(1)[0])
    camera.mailbox.fail(OSError("unplugged"))
    sink = Recorder()
    with pytest.raises(OSError, match="unplugged"):
        play(camera, sink)
    assert len(sink.images) == 1


def test_a_stopped_loop_does_not_wait_for_a_silent_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "JOIN_S", 0.0)
    camera, sink = Camera(), Recorder(fail_at=0)
    camera.mailbox.put(frames(1)[0])
    with pytest.raises(OSError, match="disk full"):
        play(camera, sink)
    left = stages()
    camera.close()
    for thread in left:
        thread.join(PATIENCE_S)


def test_a_governor_chooses_among_the_frames_of_a_live_source() -> None:
    source, sink, stats = ListSource(frames(12)), Recorder(), Stats()
    source.live = True
    with closing(Matter(FAKE)) as matter, sink:
        rule = configure(Budget(fps=10), FAKE.long_side, SIZE, source.rate)
        governor = Governor(rule, stats, matter.use_long_side)
        painter = Painter(FAKE, open_backdrop("black"), "rgb")
        run(source, matter, painter, sink, stats, lambda _: None, governor)
    assert sink.times == [index / 30 for index in (0, 3, 6, 9)]
    assert stats.snapshot().counts == {"in": 12, "skipped": 8, "out": 4}
    assert stats.snapshot().levels == {"long_side": 112, "every": 3}


def test_a_governor_changes_the_detail_between_two_frames() -> None:
    """The clock runs a second per frame, and every stage claims to take as long: down it goes."""
    source, sink, stats = ListSource(frames(40, Size(256, 448))), Recorder(), Stats()
    source.live = True
    settings = replace(FAKE, long_side=512)
    seen: list[Size] = []

    class Slow(Matter):
        def matte(self, frames: Sequence[Frame]) -> list[Matted]:
            stats.sample("matte", 60.0)
            found = super().matte(frames)
            seen.append(found[0].coefficients.size)
            return found

    with closing(Slow(settings)) as matter, sink:
        rule = configure(Budget(fps=30), settings.long_side, source.size, source.rate)
        seconds = iter(range(10_000))
        governor = Governor(rule, stats, matter.use_long_side, clock=lambda: float(next(seconds)))
        painter = Painter(settings, open_backdrop("black"), "rgb")
        run(source, matter, painter, sink, stats, lambda _: None, governor)
    assert seen[0] == Size(256, 448)
    assert seen[-1] == Size(144, 256)
    assert stats.snapshot().counts["steps_down"] == 1
    assert len(sink.images) == len(seen) == 40 - stats.snapshot().counts["skipped"]
    assert all(image.shape == (256, 448, 3) for image in sink.images)
