from __future__ import annotations

import sys
import threading
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from rimlight.realtime.sources.file import FileSource
from rimlight.types import I420, Size

from .media import RATE, SIZE, numbered, numbers, patch_error, patches, read, turn, write_video


def test_every_frame_comes_once_in_order(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered(40))
    with FileSource(path) as source:
        assert (source.size, source.rate, source.count, source.live) == (SIZE, RATE, 40, False)
        frames = list(source)
    assert numbers(frames) == list(range(40))
    assert [frame.pts_s for frame in frames] == pytest.approx([index / 30 for index in range(40)])
    assert [frame.cut for frame in frames] == [True] + [False] * 39


def test_planes_are_the_decoders_memory_and_read_only(shared: Path) -> None:
    path = shared / "clips" / "desk.mp4"  # its rows are padded
    with av.open(str(path)) as container, FileSource(path) as source:
        for _, picture, frame in zip(range(20), container.decode(video=0), source, strict=False):
            planes = frame.pixels
            assert isinstance(planes, I420)
            stacked = picture.to_ndarray()  # (H * 3 / 2, W)
            chroma = np.concatenate([planes.u.reshape(-1), planes.v.reshape(-1)])
            assert np.array_equal(np.concatenate([planes.y.reshape(-1), chroma]), stacked.reshape(-1))
            assert not planes.y.flags.owndata
            assert not planes.y.flags.writeable
            assert planes.y.strides[1] == 1


@pytest.mark.parametrize(
    ("tags", "height", "bt709", "full_range"),
    [
        ({"colorspace": 1}, 64, True, False),
        ({"colorspace": 5}, 64, False, False),
        ({"colorspace": 6}, 64, False, False),
        ({"colorspace": 6}, 720, False, False),
        ({"colorspace": 2}, 64, False, False),
        ({"colorspace": 2}, 720, True, False),
        ({"colorspace": 1, "color_range": 2}, 64, True, True),
    ],
)
def test_matrix_and_range_are_those_of_the_file(
    tmp_path: Path, tags: dict[str, int], height: int, bt709: bool, full_range: bool
) -> None:
    image = np.zeros((height, 112, 3), np.uint8)
    frame = read(write_video(tmp_path / "a.mp4", [image], tags=tags))[0]
    assert isinstance(frame.pixels, I420)
    assert (frame.pixels.bt709, frame.pixels.full_range) == (bt709, full_range)


@pytest.mark.parametrize("tags", [{"colorspace": 1}, {"colorspace": 6}, {"colorspace": 1, "color_range": 2}], ids=str)
@pytest.mark.parametrize(
    ("codec", "pixel_format"),
    [
        ("libx264", "yuv420p"),
        ("ffv1", "yuv422p"),
        ("ffv1", "yuv444p"),
        ("ffv1", "yuv420p10le"),
        ("ffv1", "bgra"),
    ],
)
def test_colours_come_out_as_they_went_in(
    tmp_path: Path, codec: str, pixel_format: str, tags: dict[str, int]
) -> None:  # fmt: skip
    if pixel_format == "bgra":
        tags = {}
    options = {"crf": "1"} if codec == "libx264" else {}
    path = write_video(
        tmp_path / "a.mkv", [patches()], codec=codec, pixel_format=pixel_format, tags=tags, options=options
    )  # fmt: skip
    frame = read(path)[0]
    assert isinstance(frame.pixels, I420) == (pixel_format == "yuv420p")
    assert patch_error(frame.image) < 3


def test_motion_jpeg_is_full_range_planes(tmp_path: Path) -> None:
    tags = {"colorspace": 6, "color_range": 2}
    path = write_video(tmp_path / "a.avi", [patches()], codec="mjpeg", pixel_format="yuvj420p", tags=tags)
    frame = read(path)[0]
    assert isinstance(frame.pixels, I420)
    assert frame.pixels.full_range
    assert patch_error(frame.image) < 3


@pytest.mark.parametrize("offset_s", [0, 5])
def test_a_variable_rate_keeps_its_times(tmp_path: Path, offset_s: int) -> None:
    gaps = [Fraction(1, 30), Fraction(1, 10), Fraction(1, 60), Fraction(9, 10)] * 5
    times = [sum(gaps[:index], Fraction(offset_s)) for index in range(len(gaps))]
    frames = read(write_video(tmp_path / "a.mp4", numbered(20), times=times))
    assert numbers(frames) == list(range(20))
    assert [frame.pts_s for frame in frames] == pytest.approx([float(time - offset_s) for time in times], abs=2e-5)
    assert [frame.cut for frame in frames] == [True] + [False] * 19


def test_a_long_gap_is_a_cut(tmp_path: Path) -> None:
    times = [Fraction(index, 30) + (3 if index >= 6 else 0) for index in range(12)]
    frames = read(write_video(tmp_path / "a.mp4", numbered(12), times=times))
    assert [index for index, frame in enumerate(frames) if frame.cut] == [0, 6]
    assert frames[6].pts_s == pytest.approx(3.2, abs=1e-4)


def test_a_clock_that_starts_anew_is_a_cut_and_time_goes_on(tmp_path: Path) -> None:
    parts = [write_video(tmp_path / f"{name}.ts", numbered(40)) for name in "ab"]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = read(both)
    times = [frame.pts_s for frame in frames]
    assert all(later > earlier for earlier, later in pairwise(times))
    cuts = [index for index, frame in enumerate(frames) if frame.cut]
    assert len(cuts) == 2
    assert numbers(frames)[cuts[1]] == 0


def test_a_change_of_size_is_a_cut(tmp_path: Path) -> None:
    small = write_video(tmp_path / "small.h264", numbered(20))
    large = write_video(tmp_path / "large.h264", numbered(20, Size(128, 224)))
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    frames = read(both)
    assert numbers(frames) == [*range(20), *range(20)]
    assert [frame.size for frame in frames] == [SIZE] * 20 + [Size(128, 224)] * 20
    assert [index for index, frame in enumerate(frames) if frame.cut] == [0, 20]


def _corner(image: np.ndarray) -> tuple[bool, bool]:
    """Whether the one bright quarter of a picture lies below, and to the right."""
    height, width = image.shape[:2]
    quarters = image.reshape(2, height // 2, 2, width // 2, 3).mean((1, 3, 4))  # (2, 2)
    below, right = np.unravel_index(quarters.argmax(), (2, 2))
    return bool(below), bool(right)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p"])
@pytest.mark.parametrize(
    ("matrix", "turned", "corner"),
    [
        ((0, -1, 1, 0), True, (True, False)),  # a quarter against the clock
        ((0, 1, -1, 0), True, (False, True)),
        ((-1, 0, 0, -1), False, (True, True)),
        ((-1, 0, 0, 1), False, (False, True)),
        ((1, 0, 0, -1), False, (True, False)),
        ((0, -1, -1, 0), True, (True, True)),
        ((0, 1, 1, 0), True, (False, False)),
    ],
)
def test_the_display_matrix_is_obeyed(
    tmp_path: Path, matrix: tuple[int, int, int, int], turned: bool, corner: tuple[bool, bool], pixel_format: str
) -> None:
    image = np.zeros((64, 128, 3), np.uint8)
    image[:32, :64] = 255
    path = write_video(tmp_path / "a.mp4", [image] * 3, pixel_format=pixel_format)
    turn(path, matrix)
    with FileSource(path) as source:
        assert source.size == (Size(128, 64) if turned else Size(64, 128))
        frame = next(iter(source))
    assert frame.size == source.size
    assert _corner(frame.image) == corner
    if isinstance(frame.pixels, I420):
        assert frame.pixels.y.flags.c_contiguous
    if matrix[0] * matrix[3] - matrix[1] * matrix[2] > 0:  # OpenCV knows rotation, but not mirroring
        referee = cv2.VideoCapture(str(path)).read()[1]
        assert _corner(referee) == corner


def test_it_is_iterated_once_and_closes_twice(tmp_path: Path) -> None:
    source = FileSource(write_video(tmp_path / "a.mp4", numbered(5)))
    assert len(list(source)) == 5
    assert list(source) == []
    source.close()
    source.close()


def test_closing_ends_the_iteration_of_another_thread(tmp_path: Path) -> None:
    source = FileSource(write_video(tmp_path / "a.mp4", numbered(60)))
    begun, closed, seen = threading.Event(), threading.Event(), []

    def consume() -> None:
        for frame in source:
            seen.append(frame)
            begun.set()
            assert closed.wait(10)

    thread = threading.Thread(target=consume)
    thread.start()
    assert begun.wait(10)
    source.close()
    closed.set()
    thread.join(10)
    assert not thread.is_alive()
    assert len(seen) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_decoding_on_several_threads_does_not_gather_frames(shared: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    def decode() -> None:
        with FileSource(shared / "clips" / "desk.mp4") as source:
            assert sum(1 for _ in source) == 120

    decode()
    before = resident()
    for _ in range(3):
        decode()
    assert resident() - before < 60e6  # 280 MB were they kept
