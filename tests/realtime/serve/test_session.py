"""How fast frames may come, and how large they leave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.realtime.serve.session import UNEVEN_S, Pace, bounded
from rimlight.types import Size


def passed(pace: Pace, times_s: list[float]) -> list[float]:
    return [time_s for time_s in times_s if pace.admits(time_s)]


def test_frames_that_come_unevenly_pass_all() -> None:
    random = np.random.default_rng(1)
    times = sorted((np.arange(300) / 30 + random.uniform(0, 0.03, 300)).tolist())
    assert passed(Pace(1 / 60), times) == times


def test_too_many_frames_are_thinned_out_evenly() -> None:
    found = passed(Pace(1 / 10), [index / 30 for index in range(300)])
    assert 98 <= len(found) <= 102
    assert np.diff(found[2:]).max() < 0.11


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=200), st.integers(1, 60))
def test_no_more_pass_than_the_rate_says(steps_s: list[float], fps: int) -> None:
    times = np.cumsum(steps_s).tolist()
    found = passed(Pace(1 / fps), times)
    assert len(found) <= (times[-1] - times[0] + UNEVEN_S) * fps + 2


def test_a_clock_that_begins_again_passes() -> None:
    pace = Pace(1 / 30)
    assert pace.admits(1000.0)
    assert pace.admits(3.0)
    assert pace.admits(90_000.0)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (Size(720, 1280), Size(720, 1280)),
        (Size(1920, 1080), Size(1920, 1080)),  # upright
        (Size(2160, 3840), Size(1080, 1920)),
        (Size(4000, 1000), Size(1920, 480)),
        (Size(1200, 1200), Size(1080, 1080)),
        (Size(3, 9000), Size(2, 1920)),
    ],
)
def test_pictures_too_large_keep_their_shape(size: Size, wanted: Size) -> None:
    assert bounded(size, Size(1080, 1920)) == wanted
