from __future__ import annotations

from pathlib import Path

import pytest

from rimlight.batch.split import split
from rimlight.realtime.jobs.plan import frame_places
from tests.realtime.sources.media import numbered, write_video


@pytest.mark.parametrize("batch", [1, 3, 4])
@pytest.mark.parametrize("keys", [[0], list(range(0, 1000, 12)), [0, 250, 500, 750]])
@pytest.mark.parametrize("count", [1, 99, 101, 250, 1000])
def test_parts_cover_every_frame_once_and_read_two_frames_before(count: int, keys: list[int], batch: int) -> None:
    times = [index / 30 for index in range(count)]
    parts = split(times, [key for key in keys if key < count], 100, batch)
    assert [index for part in parts for index in part.own] == list(range(count))
    for part in parts[1:]:
        assert part.read is not None
        assert part.own.start - part.read.start >= 2
        assert part.own.start % batch == part.read.start % batch == 0
        assert part.read.stop == part.own.stop
        assert part.begins_s == times[part.own.start]
    assert len(parts) == 1 or max(len(part.own) for part in parts) <= 150 + batch


def test_parts_decode_from_a_keyframe_on(tmp_path: Path) -> None:
    times, keys = frame_places(write_video(tmp_path / "a.mp4", numbered(100)))
    assert keys == list(range(0, 100, 12))
    reads = [part.read for part in split(times, keys, 40)]
    assert all(read is not None and read.start in keys for read in reads)


def test_a_short_video_is_read_as_a_whole() -> None:
    (part,) = split([0.0, 1.0, 2.0], [0], 100)
    assert (part.own, part.read) == (range(3), None)


def test_the_split_depends_on_nothing_but_the_video_and_the_length_of_parts() -> None:
    times, keys = [index / 30 for index in range(500)], list(range(0, 500, 30))
    assert split(times, keys, 100) == split(list(times), list(keys), 100)
    assert split(times, keys, 100) != split(times, keys, 200)
