"""The benchmarks' own sources and footage: endless, limited, and paced as a camera."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from rimlight.benchmarks import footage, sources
from rimlight.benchmarks.footage import clip_file, decoded, pictures
from rimlight.benchmarks.sources import Limited, Looped, Paced
from rimlight.types import I420, Size

SIZE = Size(48, 64)
FRAMES = 6


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip_file(SIZE, FRAMES, tmp_path_factory.mktemp("footage"))


def test_the_clip_is_h264_of_the_size_and_count_asked_for(clip: Path) -> None:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.height, stream.width, stream.average_rate) == (48, 64, 30)
        assert sum(1 for _ in container.decode(stream)) == FRAMES


def test_the_clip_is_made_once(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footage, "camera_path", None)
    assert clip_file(SIZE, FRAMES, clip.parent) == clip


def test_frames_come_as_planes_and_as_pictures(clip: Path) -> None:
    assert all(isinstance(pixels, I420) for pixels in decoded(clip, 3))
    images = pictures(clip, 3)
    assert [image.shape for image in images] == [(48, 64, 3)] * 3
    assert np.abs(images[0].astype(int) - images[2]).mean() > 0.1  # the camera moves


def test_a_looped_file_goes_on_in_time_and_cuts_at_each_start(clip: Path) -> None:
    left = iter(range(2 * FRAMES + 3))
    with Looped(clip, lambda: next(left, None) is None) as source:
        frames = list(source)
    assert len(frames) > FRAMES
    times = [frame.pts_s for frame in frames]
    assert np.diff(times) == pytest.approx(1 / 30, abs=1e-6)
    assert [index for index, frame in enumerate(frames) if frame.cut] == [0, FRAMES]


def test_a_limited_file_ends_early(clip: Path) -> None:
    with Limited(clip, 2) as source:
        assert (source.size, source.count, len(list(source))) == (SIZE, 2, 2)


def test_a_paced_source_waits_until_a_frame_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    waits: list[float] = []

    def pause(seconds: float) -> None:
        nonlocal now
        waits.append(round(seconds, 6))
        now += seconds

    monkeypatch.setattr(sources.time, "perf_counter", lambda: now)
    source = Paced([np.zeros((48, 64, 3), np.uint8)], Fraction(10), 3, pause)
    frames = list(source)
    assert waits == [0, 0.1, 0.1]
    assert [round(frame.captured_s, 6) for frame in frames] == [100, 100.1, 100.2]
    assert [frame.cut for frame in frames] == [True, False, False]


def test_a_late_loop_gets_the_newest_frame_that_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(sources.time, "perf_counter", lambda: now)
    source = iter(Paced([np.zeros((48, 64, 3), np.uint8)], Fraction(10), 100, lambda _: None))
    next(source)
    now = 0.55
    assert [round(frame.pts_s, 6) for frame in islice(source, 1)] == [0.5]
