from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from rimlight.realtime import loop
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.loop import _grouped, run
from rimlight.realtime.session import Matted, Matter, Painter, Session, Settings
from rimlight.realtime.sinks import StreamInfo, open_sink
from rimlight.realtime.sources import open_source
from rimlight.realtime.sources.base import Source
from rimlight.realtime.stats import Stats
from rimlight.types import Frame, Size, UInt8Array

from .sinks.outputs import pictures
from .sources.media import numbered, write_video
from .streams import FAKE, ONNX, SIZE, ListSource, Recorder, frames, play, stages

MOST_AHEAD = 3 * (loop.DEPTH + 1) + 1  # three lines, a stage with work in hand behind each, the sink's frame
PATIENCE_S = 30  # until a test that hangs fails


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert stages() == []


def one_by_one(source: Source, settings: Settings) -> list[UInt8Array]:
    with source, Session(settings) as session:
        return [session.composite(frame).image.copy() for frame in source]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "a.mp4", numbered(11))


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("settings", [FAKE, ONNX], ids=["fake", "onnx"])
def test_a_file_through_the_loop_is_the_file_frame_by_frame(clip: Path, settings: Settings, batch: int) -> None:
    sink = Recorder()
    play(open_source(str(clip)), sink, replace(settings, batch=batch))
    alone = one_by_one(open_source(str(clip)), settings)
    assert len(sink.images) == len(alone) == 11
    for image, wanted in zip(sink.images, alone, strict=True):
        assert np.abs(image.astype(int) - wanted).max() <= (0 if batch == 1 else 1)
    assert sink.ended == "closed"


@pytest.mark.parametrize("batch", [1, 4])
def test_sizes_and_cuts_anywhere_change_nothing(batch: int) -> None:
    sizes = [SIZE] * 6 + [Size(128, 224)] * 3 + [SIZE] * 5
    given = [replace(frames(1, size, seed)[0], cut=seed in (0, 2, 11)) for seed, size in enumerate(sizes)]
    sink = Recorder()
    play(ListSource(given), sink, replace(FAKE, batch=batch))
    alone = one_by_one(ListSource(given), FAKE)
    assert [image.shape for image in sink.images] == [image.shape for image in alone]
    assert all(np.array_equal(image, wanted) for image, wanted in zip(sink.images, alone, strict=True))


def test_frames_keep_their_times_and_order() -> None:
    sink = Recorder()
    seen: list[float] = []
    stats = play(ListSource(frames(20)), sink, written=lambda frame: seen.append(frame.pts_s))
    assert sink.times == seen == [index / 30 for index in range(20)]
    counts = stats.snapshot().counts
    assert (counts["in"], counts["out"]) == (20, 20)
    assert stats.snapshot().stages["latency"].count == 20


def test_written_is_called_where_the_loop_was() -> None:
    threads: set[threading.Thread] = set()
    play(ListSource(frames(3)), Recorder(), written=lambda _: threads.add(threading.current_thread()))
    assert threads == {threading.current_thread()}


def test_groups_are_whole_or_single() -> None:
    sizes = [SIZE] * 6 + [Size(2, 2)] * 3 + [SIZE] * 4
    given = [frames(1, size)[0] for size in sizes]
    groups = list(_grouped(iter(given), 4))
    assert [len(group) for group in groups] == [4, 1, 1, 1, 1, 1, 4]
    assert [id(frame) for group in groups for frame in group] == [id(frame) for frame in given]


def test_an_error_of_the_source_comes_after_its_frames() -> None:
    error, sink = OSError("unplugged"), Recorder()
    with pytest.raises(OSError, match="unplugged") as caught:
        play(ListSource(frames(5), error), sink)
    assert caught.value is error
    assert len(sink.images) == 5
    assert sink.ended == "discarded"


class BrokenMatter(Matter):
    """Fails at its third call."""

    calls = 0
    error = ValueError("no network")

    def matte(self, frames: Sequence[Frame]) -> list[Matted]:
        self.calls += 1
        if self.calls == 3:
            raise self.error
        return super().matte(frames)


class BrokenPainter(Painter):
    """Fails at its third call."""

    calls = 0
    error = ValueError("no paint")

    def paint(self, matted: Matted) -> Frame:
        self.calls += 1
        if self.calls == 3:
            raise self.error
        return super().paint(matted)


@pytest.mark.parametrize("broken", ["matter", "painter"])
@pytest.mark.parametrize("live", [False, True])
def test_an_error_of_a_stage_surfaces_once_after_the_frames_before(broken: str, live: bool) -> None:
    matter = BrokenMatter(FAKE) if broken == "matter" else Matter(FAKE)
    backdrop = open_backdrop(FAKE.backdrop)
    painter = BrokenPainter(FAKE, backdrop, "rgb") if broken == "painter" else Painter(FAKE, backdrop, "rgb")
    source, sink = ListSource(frames(20)), Recorder()
    source.live = live
    with closing(matter), pytest.raises(ValueError, match="no ") as caught, sink:
        run(source, matter, painter, sink, Stats(), lambda _: None)
    assert caught.value is (BrokenMatter.error if broken == "matter" else BrokenPainter.error)
    assert len(sink.images) == 2
    assert sink.ended == "discarded"


def test_an_error_of_the_sink_stops_all() -> None:
    source, sink = ListSource(frames(100)), Recorder(fail_at=3)
    with pytest.raises(OSError, match="disk full"):
        play(source, sink)
    assert source.read <= 4 + MOST_AHEAD
    assert sink.ended == "discarded"


def test_an_error_of_the_backdrop_surfaces(tmp_path: Path) -> None:
    video = write_video(tmp_path / "sea.mp4", numbered(3))
    settings, sink = replace(FAKE, backdrop=str(video)), Recorder()
    painter = Painter(settings, open_backdrop(settings.backdrop), "rgb")
    video.unlink()
    with closing(Matter(settings)) as matter, pytest.raises(Exception, match=r"sea\.mp4"), sink:
        run(ListSource(frames(20)), matter, painter, sink, Stats(), lambda _: None)
    assert 0 < len(sink.images) <= 3


def test_an_interrupt_leaves_a_playable_file(tmp_path: Path) -> None:
    source, written = ListSource(frames(100)), []

    def interrupted(frame: Frame) -> None:
        written.append(frame.pts_s)
        if len(written) == 10:
            raise KeyboardInterrupt

    path = tmp_path / "out.mp4"
    painter = Painter(FAKE, open_backdrop(FAKE.backdrop), "i420")
    info = StreamInfo(SIZE, Fraction(30))
    with suppress(KeyboardInterrupt), closing(Matter(FAKE)) as matter, open_sink(str(path), info) as sink:
        run(source, matter, painter, sink, Stats(), interrupted)
    assert len(pictures(path)) == 10
    assert [found.name for found in tmp_path.iterdir()] == ["out.mp4"]


def test_many_runs_leave_no_thread() -> None:
    for count in range(12):
        with suppress(OSError):
            play(ListSource(frames(4)), Recorder(fail_at=count % 6))
        assert stages() == []


def test_a_slow_sink_holds_the_source_back() -> None:
    source, sink = ListSource(frames(60)), Recorder()
    ahead: list[int] = []
    stats = play(source, sink, written=lambda _: ahead.append(source.read - len(sink.images)))
    assert max(ahead) <= MOST_AHEAD
    depths = stats.snapshot().depths
    assert set(depths) == {"read", "matted", "painted"}
    assert max(depths.values()) <= loop.DEPTH


def test_a_sink_that_blocks_stops_the_source_within_the_queues() -> None:
    """Holds the first write until every stage has come to rest, which the queues tell."""
    source = ListSource(frames(60))
    full = threading.Event()
    read = source.read

    class Patient(Stats):
        def depth(self, queue: str, frames: int) -> None:
            super().depth(queue, frames)
            if self.snapshot().depths == {"read": 1, "matted": 1, "painted": 1}:
                full.set()

    class Blocked(Recorder):
        def write(self, frame: Frame) -> None:
            nonlocal read
            if not self.images:
                assert full.wait(PATIENCE_S)
                read = source.read
            super().write(frame)

    sink, stats = Blocked(), Patient()
    with closing(Matter(FAKE)) as matter, sink:
        run(source, matter, Painter(FAKE, open_backdrop("black"), "rgb"), sink, stats, lambda _: None)
    assert read <= 1 + MOST_AHEAD
    assert len(sink.images) == 60
