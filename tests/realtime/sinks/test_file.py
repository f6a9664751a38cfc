from __future__ import annotations

import signal
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from rimlight.errors import FrameError, SinkError
from rimlight.pixels import to_i420
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.file import FileSink, time_base
from rimlight.types import I420, Frame, Size
from tests.realtime.sources.media import numbered, numbers, patch_error, patches, read

from .outputs import INFO, SIZE, frames_for, leftovers, pictures, write_all

KINDS = ["a.mp4", "a.m4v", "a.mov", "a.mkv", "a.webm"]


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_arrives_in_order_and_in_time(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with FileSink(path, INFO) as sink:
        assert (sink.wants, sink.carries_alpha) == ("i420", False)
        write_all(sink, 70)  # more than the encoder looks ahead
    frames = read(path)
    assert numbers(frames) == list(range(70))
    assert [frame.pts_s for frame in frames] == pytest.approx([index / 30 for index in range(70)], abs=6e-4)
    assert leftovers(tmp_path) == []


def test_planes_reach_the_encoder_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with FileSink(path, INFO, crf=0, preset="ultrafast") as sink:
        write_all(sink, 60)
    for image, frame in zip(numbered(60), read(path), strict=True):
        want = to_i420(image)
        assert isinstance(frame.pixels, I420)
        assert np.array_equal(frame.pixels.y, want.y)
        assert np.array_equal(frame.pixels.u, want.u)
        assert np.array_equal(frame.pixels.v, want.v)


@pytest.mark.parametrize("name", KINDS)
def test_colours_are_bt709_and_tagged_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with FileSink(path, INFO, crf=4) as sink:
        sink.write(Frame(patches(), 0.0, 0.0))
    picture = pictures(path)[0]
    assert (picture.colorspace, picture.color_range) == (1, 1)
    if name != "a.webm":  # VP9 itself holds no more; the container does
        assert (picture.color_primaries, picture.color_trc) == (1, 1)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
    image = picture.reformat(format="rgb24", src_colorspace="ITU709", src_color_range="MPEG").to_ndarray()
    assert patch_error(image) < 3
    assert patch_error(read(path)[0].image) < 3


@pytest.mark.parametrize("name", ["a.mp4", "a.webm"])
@pytest.mark.parametrize("size", [Size(63, 112), Size(64, 111), Size(63, 111)], ids=str)
def test_odd_sides_grow_by_a_repeated_line(tmp_path: Path, name: str, size: Size) -> None:
    path = tmp_path / name
    with FileSink(path, StreamInfo(size, Fraction(30)), crf=4) as sink:
        write_all(sink, 3, size)
    frames = read(path)
    assert frames[0].size == Size(64, 112)
    assert numbers(frames) == [0, 1, 2]
    planes = frames[0].pixels
    assert isinstance(planes, I420)
    if size.width % 2:
        assert np.abs(planes.y[:, -1].astype(int) - planes.y[:, -2]).max() < 12
    if size.height % 2:
        assert np.abs(planes.y[-1].astype(int) - planes.y[-2]).max() < 12


@pytest.mark.parametrize(("name", "unit_s"), [("a.mp4", 1e-5), ("a.mov", 1e-5), ("a.mkv", 1.1e-3), ("a.webm", 1.1e-3)])
def test_a_variable_rate_stays_one(tmp_path: Path, name: str, unit_s: float) -> None:
    times = [index / 30 + index // 7 * 0.4 + index * index / 900 for index in range(60)]
    path = tmp_path / name
    with FileSink(path, INFO) as sink:
        write_all(sink, 60, times=times)
    frames = read(path)
    assert numbers(frames) == list(range(60))
    assert [frame.pts_s for frame in frames] == pytest.approx(times, abs=unit_s)


@pytest.mark.parametrize("rate", ["24", "25", "30", "30000/1001", "24000/1001", "60000/1001", "15", "144", "1000/3"])
def test_frames_of_a_constant_rate_fall_on_whole_ticks(rate: str) -> None:
    unit = time_base(Fraction(rate))
    assert (1 / Fraction(rate) / unit).denominator == 1
    assert unit <= Fraction(1, 90_000)
    assert unit.denominator < 2**31


def test_an_odd_average_rate_has_a_fine_clock_too() -> None:
    assert time_base(Fraction(123_456_789, 4_115_227)) == Fraction(1, 90_000)


def test_the_rate_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    rate = Fraction(30000, 1001)
    with FileSink(path, StreamInfo(SIZE, rate)) as sink:
        write_all(sink, 40, times=[float(index / rate) for index in range(40)])
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate
        assert float(stream.duration * stream.time_base) == pytest.approx(40 / float(rate))  # the last frame counts


def test_times_that_stand_still_or_go_back_are_mended(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with FileSink(path, INFO) as sink:
        write_all(sink, 5, times=[0.0, 0.1, 0.1, 0.05, 0.3])
    times = [frame.pts_s for frame in read(path)]
    assert len(times) == 5
    assert all(later > earlier for earlier, later in pairwise(times))


def test_preset_and_crf_are_obeyed(tmp_path: Path) -> None:
    sizes = []
    for crf in (4, 40):
        with FileSink(tmp_path / "a.mp4", INFO, crf=crf, preset="ultrafast") as sink:
            write_all(sink, 10)
        sizes.append((tmp_path / "a.mp4").stat().st_size)
    assert sizes[0] > 2 * sizes[1]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a.mp4", {"preset": "warp"}, "expected a preset of ultrafast"),
        ("a.mp4", {"crf": 99}, r"expected a crf of 0 \(best\) to 51"),
        ("a.webm", {"preset": "fast"}, "libvpx-vp9 takes no preset"),
        ("a.mkv", {"crf": 3, "alpha": True}, "ffv1 takes no crf"),
    ],
)
def test_an_option_that_cannot_be_is_told(tmp_path: Path, name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(SinkError, match=words):
        FileSink(tmp_path / name, INFO, **options)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_there_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the one before")
    with FileSink(path, INFO) as sink:
        write_all(sink, 5)
        assert path.read_bytes() == b"the one before"
        assert len(leftovers(tmp_path)) == 1
    assert len(read(path)) == 5
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_ctrl_c_leaves_a_playable_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name

    def work() -> None:
        with FileSink(path, INFO) as sink:
            for index, frame in enumerate(frames_for(sink, 90)):
                if index == 50:
                    signal.raise_signal(signal.SIGINT)
                sink.write(frame)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert numbers(read(path)) == list(range(50))
    assert leftovers(tmp_path) == []


def test_ctrl_c_while_a_frame_is_encoded_loses_no_packet(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"

    class Interrupted:
        """Raises the signal when the encoder returns, which is when Python would act on it."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def encode(self, picture: Any) -> list[Any]:
            packets = self._stream.encode(picture)
            if picture is not None and picture.pts == 70 * 3000:
                signal.raise_signal(signal.SIGINT)
            return list(packets)

    def work() -> None:
        with FileSink(path, INFO) as sink:
            sink._stream = Interrupted(sink._stream)  # type: ignore[assignment]
            write_all(sink, 90)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert numbers(read(path)) == list(range(71))


def test_another_error_leaves_nothing_and_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the one before")

    def work() -> None:
        with FileSink(path, INFO) as sink:
            write_all(sink, 5)
            raise RuntimeError("elsewhere")

    with pytest.raises(RuntimeError, match="elsewhere"):
        work()
    assert path.read_bytes() == b"the one before"
    assert leftovers(tmp_path) == []


def test_without_a_frame_no_file_appears(tmp_path: Path) -> None:
    with FileSink(tmp_path / "a.mp4", INFO):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_finished_sink_takes_no_more(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a.mp4", INFO)
    write_all(sink, 2)
    sink.close()
    sink.close()
    with pytest.raises(SinkError, match="finished"):
        write_all(sink, 1)


def test_another_size_is_refused_with_advice(tmp_path: Path) -> None:
    def work() -> None:
        with FileSink(tmp_path / "a.mp4", INFO) as sink:
            write_all(sink, 2)
            write_all(sink, 1, Size(32, 64))

    with pytest.raises(SinkError, match="scale the frames"):
        work()
    assert list(tmp_path.iterdir()) == []


def test_wrong_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"\(H, W, 4\)"), FileSink(tmp_path / "a.mkv", INFO, alpha=True) as sink:
        sink.write(Frame(np.zeros((64, 112, 3), np.uint8), 0.0, 0.0))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no folder/a.mp4", "no folder"),
        ("folder.mp4", "is a folder"),
        ("a.avi", "expected a file ending in .mp4"),
        ("a", "expected a file ending in .mp4"),
    ],
)
def test_a_target_that_cannot_be_is_told(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(SinkError, match=words):
        FileSink(tmp_path / name, INFO)


def test_an_existing_file_is_kept_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"mine")
    with pytest.raises(SinkError, match="exists"):
        FileSink(path, INFO, overwrite=False)
    assert path.read_bytes() == b"mine"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that nobody may write")
def test_a_folder_that_may_not_be_written_is_told() -> None:
    with pytest.raises(SinkError, match="/proc"):
        FileSink("/proc/a.mp4", INFO)


@pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as POSIX does")
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0)

    def work() -> None:
        with FileSink(tmp_path / name, INFO, crf=0, preset="ultrafast") as sink:
            for index in range(60):
                image = noise.integers(0, 256, (64, 112, 3), np.uint8)
                sink.write(Frame(image, index / 30, 0.0))

    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        with pytest.raises(SinkError, match="cannot be written"):
            work()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
