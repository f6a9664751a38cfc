"""The slope of memory over time, and a stream that is watched."""

from __future__ import annotations

import json
from itertools import count

import pytest

pytest.importorskip("psutil", reason="psutil (extra bench) is not installed")

from rimlight.benchmarks.memory import MOST_SAMPLES, Sample, Soak, figures_of, render, slope_of, soak
from rimlight.errors import FrameError
from rimlight.realtime.session import Settings
from rimlight.types import Size


def samples(growth_mib_per_min: float, looks: int = 60, wobble: float = 0.0) -> list[Sample]:
    return [
        Sample(float(second), 300 + growth_mib_per_min * second / 60 + wobble * (-1) ** second, 9, 30 * second)
        for second in range(looks)
    ]


@pytest.mark.parametrize("growth", [0.0, 2.5, -1.0])
def test_the_slope_of_a_line_is_exact(growth: float) -> None:
    slope = slope_of(samples(growth))
    assert slope.mib_per_min == pytest.approx(growth, abs=1e-9)
    assert slope.error == pytest.approx(0, abs=1e-9)


def test_a_wobble_shows_in_the_error_and_not_in_the_slope() -> None:
    slope = slope_of(samples(1.0, wobble=5.0))
    assert abs(slope.mib_per_min - 1.0) < 2 * slope.error
    assert slope.error > 0.5


def test_the_first_fifth_is_left_out_of_the_slope() -> None:
    filling = [Sample(float(second), 100.0 + min(second, 11) * 20, 9, second) for second in range(60)]
    found = figures_of(filling, 60)
    assert found["slope_mib_per_min"] == 0
    assert found["rss_mib"] == {"settled": 320.0, "last": 320.0, "most": 320.0}


def test_a_long_series_is_thinned() -> None:
    found = figures_of(samples(1.0, looks=3000), 3000)
    assert len(found["samples"]) <= MOST_SAMPLES
    assert found["samples"][0] == [0.0, 300.0, 9]
    assert found["slope_mib_per_min"] == 1


def test_too_few_looks_are_no_slope() -> None:
    with pytest.raises(FrameError, match="run longer"):
        slope_of(samples(1.0, looks=4))


def test_a_stream_is_watched_until_its_time_is_over() -> None:
    ticks = count()
    asked = Soak(Settings("fake"), seconds=30, size=Size(48, 64), every_s=0.5)
    record = soak(asked, lambda: next(ticks) * 0.1)
    found = record.figures
    assert found["frames"] > 0
    assert found["rss_mib"]["most"] > 10
    assert found["threads"]["last"] >= 1
    assert "numpy" in found["device"]
    assert set(found) >= {"slope_mib_per_min", "slope_error", "samples", "fps", "peace"}
    json.dumps(found, allow_nan=False)
    assert "64x48 to null:i420" in render(record)
