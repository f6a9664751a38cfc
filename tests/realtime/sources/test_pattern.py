from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.errors import SourceError
from rimlight.realtime.sources.barcode import BITS, draw_number, frame_number
from rimlight.realtime.sources.pattern import PatternSource, from_spec
from rimlight.types import Size

from .media import numbered, numbers, read, write_video


def test_it_is_the_same_in_every_run_and_moves() -> None:
    one, two = (list(PatternSource(Size(64, 112), count=5)) for _ in range(2))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(one, two, strict=True))
    below = [frame.image[16:] for frame in one]
    assert all(not np.array_equal(a, b) for a, b in pairwise(below))


def test_frames_are_numbered_and_timed() -> None:
    source = PatternSource(Size(64, 112), Fraction(25), count=4)
    frames = list(source)
    assert numbers(frames) == [0, 1, 2, 3]
    assert [frame.pts_s for frame in frames] == [0.0, 0.04, 0.08, 0.12]
    assert [frame.cut for frame in frames] == [True, False, False, False]
    assert (source.live, source.count, source.rate) == (False, 4, 25)


def test_without_a_count_it_does_not_end_until_closed() -> None:
    source = PatternSource(Size(64, 112))
    assert source.count is None
    seen = 0
    for _ in source:
        seen += 1
        if seen == 400:
            source.close()
    assert seen == 400


def test_live_it_asks_for_a_pause_until_each_frame_is_due() -> None:
    pauses: list[float] = []
    source = PatternSource(Size(64, 112), Fraction(1, 100), count=3, pause=pauses.append)
    assert source.live
    list(source)
    assert pauses[0] == 0.0
    assert 99 < pauses[1] <= 100
    assert 199 < pauses[2] <= 200


@given(st.integers(0, 2**BITS - 1), st.integers(24, 90), st.integers(56, 300))
@settings(max_examples=60, deadline=None)
def test_a_number_is_read_back_from_any_size(number: int, height: int, width: int) -> None:
    image = np.full((height, width, 3), 120, np.uint8)
    draw_number(image, number)
    assert frame_number(image) == number


def test_numbers_start_anew_when_they_are_used_up() -> None:
    image = np.zeros((40, 112, 3), np.uint8)
    draw_number(image, 2**BITS + 3)
    assert frame_number(image) == 3


@pytest.mark.parametrize("size", [(160, 90), (428, 240), (1000, 700)])
def test_a_number_survives_scaling(size: tuple[int, int]) -> None:
    for number in (0, 1, 777_777, 2**BITS - 1):
        image = np.full((360, 640, 3), 90, np.uint8)
        draw_number(image, number)
        assert frame_number(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) == number


def test_a_number_survives_strong_compression(tmp_path: Path) -> None:
    frames = read(write_video(tmp_path / "a.mp4", numbered(20, Size(180, 320)), options={"crf": "40"}))
    assert numbers(frames) == list(range(20))


def test_no_number_is_read_where_there_is_none() -> None:
    image = numbered(1)[0]
    noise = np.random.default_rng(0).integers(0, 256, (64, 112, 3), np.uint8)
    for other in (np.zeros_like(image), np.full_like(image, 255), image[16:], noise, image[:4, :20]):
        assert frame_number(np.ascontiguousarray(other)) is None


def test_a_mirrored_number_is_none() -> None:
    for number in range(0, 2**BITS, 9973):
        image = np.zeros((40, 112, 3), np.uint8)
        draw_number(image, number)
        assert frame_number(np.ascontiguousarray(image[:, ::-1])) is None


@pytest.mark.parametrize(
    ("spec", "size", "rate", "count"),
    [
        ("", Size(720, 1280), 30, None),
        ("640x360", Size(360, 640), 30, None),
        ("640x360@25", Size(360, 640), 25, None),
        ("640x360@30000/1001:90", Size(360, 640), Fraction(30000, 1001), 90),
        ("@12.5", Size(720, 1280), Fraction(25, 2), None),
        ("90", Size(720, 1280), 30, 90),
    ],
)
def test_a_spec_gives_size_rate_and_count(spec: str, size: Size, rate: Fraction, count: int | None) -> None:
    source = from_spec(spec)
    assert (source.size, source.rate, source.count) == (size, rate, count)


def test_a_spec_goes_before_what_is_asked_besides() -> None:
    source = from_spec("64x48", Size(10, 10), Fraction(5))
    assert (source.size, source.rate) == (Size(48, 64), 5)


@pytest.mark.parametrize("spec", ["big", "640x", "640x360@", "640x360@1/0", "640x360@0", "640x360:0", "0x0", "99999x9"])
def test_a_spec_that_is_none_is_told_how(spec: str) -> None:
    with pytest.raises(SourceError):
        from_spec(spec)
