from __future__ import annotations

import json
from dataclasses import replace

from rimlight.realtime.control.describe import as_values, one_line
from rimlight.realtime.live import Status
from rimlight.realtime.safety import State
from rimlight.realtime.stats import Stats

from .streams import resting


def status(state: State = State.LIVE, reason: str = "", **levels: float) -> Status:
    stats = Stats()
    stats.sample("latency", 0.05)
    for name, value in levels.items():
        stats.level(name, value)
    return replace(resting().status(), state=state, reason=reason, device="numpy", stats=stats.snapshot())


def test_the_line_tells_rate_latency_detail_and_backend() -> None:
    assert one_line(status(fps=30.0)) == "LIVE      30.0 fps, latency 50 ms, p95 50, detail 96, numpy"


def test_the_line_tells_what_the_governor_chose() -> None:
    assert "detail 64, numpy" in one_line(status(long_side=64, every=1))
    assert "detail 64, 1 of 2 frames, numpy" in one_line(status(long_side=64, every=2))


def test_the_line_says_why_it_is_not_live() -> None:
    assert one_line(status(State.COVER, "the camera ended")).startswith("COVER     0.0 fps, the camera ended, latency")
    assert one_line(status(State.DEGRADED, "late")).startswith("DEGRADED  0.0 fps, late")


def test_the_values_are_json_with_and_without_figures() -> None:
    assert json.loads(json.dumps(as_values(status(), "a note")))["config"] == "a note"
    assert as_values(resting().status())["latency_ms"] is None
