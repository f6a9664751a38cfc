from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.realtime.sources.timeline import Timeline
from rimlight.types import Size

SIZE = Size(2, 2)


def test_time_starts_at_the_first_frame() -> None:
    line = Timeline(0.1)
    assert line.place(5.0, SIZE) == (0.0, True)
    assert line.place(5.1, SIZE) == (pytest.approx(0.1), False)


def test_time_starts_where_it_is_told_to() -> None:
    assert Timeline(0.1, start_s=2.0).place(5.0, SIZE) == (3.0, True)


def test_missing_times_go_on_at_the_usual_interval() -> None:
    line = Timeline(0.1)
    assert [line.place(None, SIZE)[0] for _ in range(4)] == pytest.approx([0, 0.1, 0.2, 0.3])


def test_a_size_change_is_a_cut() -> None:
    line = Timeline(0.1)
    line.place(0.0, SIZE)
    assert line.place(0.1, Size(4, 2)) == (0.1, True)
    assert line.place(0.2, Size(4, 2)) == (0.2, False)


@pytest.mark.parametrize(("gap_s", "cut"), [(0.9, False), (1.05, False), (1.2, True), (60.0, True)])
def test_a_gap_of_more_than_a_second_is_a_cut(gap_s: float, cut: bool) -> None:
    line = Timeline(0.1)
    line.place(0.0, SIZE)
    assert line.place(gap_s, SIZE) == (gap_s, cut)


def test_a_clock_set_back_is_a_cut_and_time_goes_on() -> None:
    line = Timeline(0.1)
    for time_s in (7.0, 7.1):
        line.place(time_s, SIZE)
    assert line.place(3.0, SIZE) == (pytest.approx(0.2), True)
    assert line.place(3.1, SIZE) == (pytest.approx(0.3), False)


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6))))
def test_time_never_goes_back(times: list[float | None]) -> None:
    line = Timeline(0.04)
    placed = [line.place(time_s, SIZE)[0] for time_s in times]
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(placed))
