from __future__ import annotations

from pathlib import Path

import pytest

from rimlight.errors import SinkError, SourceError
from rimlight.realtime.jobs import plan_jobs
from rimlight.realtime.jobs.plan import LEAST_FRAMES, frame_times, share_out
from tests.realtime.sources.media import numbered, read, write_video
from tests.realtime.sources.test_file_ranges import FILES

from .runs import COUNT, write_clip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path)


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("count", [16, 50, 51, 119, 1000])
@pytest.mark.parametrize("asked", [1, 2, 3, 7])
def test_shares_cover_every_frame_once_and_read_two_frames_before(count: int, asked: int, batch: int) -> None:
    times = [index / 30 for index in range(count)]
    shares = share_out(times, asked, batch)
    assert [index for share in shares for index in share.own] == list(range(count))
    for share in shares:
        assert share.own.start % batch == share.read.start % batch == 0
        assert share.read.stop == share.own.stop
        assert share.read.start == 0 or share.own.start - share.read.start >= 2
        assert share.begins_s == times[share.own.start]
    sizes = [len(share.own) for share in shares]
    assert len(shares) == 1 or min(sizes) >= min(LEAST_FRAMES, max(sizes) - 2 * batch)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (LEAST_FRAMES, 1), (2 * LEAST_FRAMES, 2), (500, 8)])
def test_short_files_get_fewer_jobs(count: int, expected: int) -> None:
    assert len(share_out([index / 30 for index in range(count)], 8)) == expected


@pytest.mark.parametrize("name", FILES)
def test_times_are_those_of_the_frames(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, numbered(COUNT), **FILES[name])  # type: ignore[arg-type]
    times = frame_times(path)
    assert times == ([] if name == "notimes.h264" else [frame.pts_s for frame in read(path)])


def test_a_file_without_times_is_not_split(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", numbered(COUNT))
    assert plan_jobs(str(path), "null", 3).shares == ()


@pytest.mark.parametrize("source", ["camera:0", "pattern", "face.png"])
def test_only_files_are_split(source: str) -> None:
    with pytest.raises(SourceError, match="only video files"):
        plan_jobs(source, "out.mp4", 2)


@pytest.mark.parametrize("sink", ["-", "pipe:y4m", "window"])
def test_only_files_pictures_and_null_are_written_in_jobs(clip: Path, sink: str) -> None:
    with pytest.raises(SinkError, match="leave out --jobs"):
        plan_jobs(str(clip), sink, 2)
