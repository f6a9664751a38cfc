from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from av.video.frame import VideoFrame

from rimlight.errors import SourceError
from rimlight.realtime.sources import file, index
from rimlight.realtime.sources.decoding import Decoding
from rimlight.realtime.sources.file import FileSource
from rimlight.types import Frame

from .media import numbered, numbers, read, same_pixels, write_video

COUNT = 50
RANGES = [range(0, 5), range(7, 8), range(11, 13), range(12, 24), range(23, COUNT), range(COUNT - 1, COUNT + 50)]
BFRAMES = {"bf": "3", "b-pyramid": "normal"}
QUIET = "log-level=none"
FILES = {
    "bframes.mp4": {"options": BFRAMES},
    "bframes.mkv": {"options": BFRAMES},
    "bframes.ts": {"options": BFRAMES},
    "opengop.mp4": {"options": {**BFRAMES, "x264-params": "open-gop=1:keyint=12"}},
    "opengop.mkv": {"options": {**BFRAMES, "x264-params": "open-gop=1:keyint=12"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": f"{QUIET}:open-gop=1:keyint=12"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "notimes.h264": {"options": BFRAMES},
    "alpha.mkv": {"codec": "ffv1", "pixel_format": "bgra"},
    "variable.mp4": {"options": BFRAMES, "times": [Fraction(index * index, 300) for index in range(COUNT)]},
}


def assert_slice(part: list[Frame], whole: list[Frame], wanted: range) -> None:
    expected = whole[wanted.start : wanted.stop]
    assert len(part) == len(expected)
    for place, (got, want) in enumerate(zip(part, expected, strict=True)):
        assert same_pixels(got.pixels, want.pixels)
        assert got.pts_s == pytest.approx(want.pts_s, abs=1e-9)
        assert got.cut == (want.cut or place == 0)


@pytest.mark.parametrize("name", FILES)
def test_a_range_is_exactly_the_slice_of_the_whole(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, numbered(COUNT), **FILES[name])  # type: ignore[arg-type]
    whole = read(path)
    assert numbers(whole) == list(range(COUNT))
    for wanted in RANGES:
        assert_slice(read(path, wanted), whole, wanted)


def test_a_file_is_looked_through_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    opened = index.open_container
    monkeypatch.setattr(index, "open_container", lambda path: looked.append(path) or opened(path))  # type: ignore[func-returns-value]
    path = write_video(tmp_path / "in.mp4", numbered(10))
    for wanted in (range(2, 4), range(7, 9)):
        assert numbers(read(path, wanted)) == list(wanted)
    assert looked == [path]
    write_video(path, numbered(COUNT))
    assert numbers(read(path, range(40, 42))) == [40, 41]
    assert looked == [path, path]


@pytest.mark.parametrize("clip", ["desk.mp4", "talking.mp4", "webcam.mp4"])
def test_ranges_of_real_clips_join_to_the_whole(shared: Path, clip: str) -> None:
    path = shared / "clips" / clip
    whole = read(path)
    edges = [0, 1, 30, 31, 64, len(whole)]
    for first, after in pairwise(edges):
        assert_slice(read(path, range(first, after)), whole, range(first, after))


def test_the_count_of_a_range_is_exact(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", numbered(COUNT))
    with FileSource(path, frames=range(45, 80)) as source:
        assert source.count == 5


def test_ranges_of_a_spliced_recording_count_frames(tmp_path: Path) -> None:
    parts = [write_video(tmp_path / f"{name}.ts", numbered(40)) for name in "ab"]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    whole = read(both)
    assert_slice(read(both, range(35, 50)), whole, range(35, 50))


def test_a_range_is_decoded_from_the_keyframe_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4", numbered(COUNT), options={"g": "12"})
    decoded = []

    class Counting(Decoding):
        def pictures(self) -> Iterator[VideoFrame]:
            for picture in super().pictures():
                decoded.append(picture.pts)
                yield picture

    monkeypatch.setattr(file, "Decoding", Counting)
    assert numbers(read(path, range(38, 40))) == [38, 39]
    assert len(decoded) <= 1 + 4 + 1  # the file's first, from the keyframe at 36 on, and one to see the end


@pytest.mark.parametrize("wanted", [range(3, 3), range(5, 2), range(0, 9, 2), range(-2, 5)])
def test_a_range_that_is_none_is_refused(tmp_path: Path, wanted: range) -> None:
    path = write_video(tmp_path / "a.mp4", numbered(5))
    with pytest.raises(SourceError, match="expected a range"):
        FileSource(path, frames=wanted)


@pytest.mark.parametrize("name", ["a.mp4", "a.h264"])
def test_a_range_behind_the_end_is_refused(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, numbered(5))
    with pytest.raises(SourceError, match=name):
        FileSource(path, frames=range(5, 9))
