"""Figures of a page that comes back: from the moments that it saw, in seconds after the fault."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from importlib import resources
from typing import Any

import pytest

from rimlight.benchmarks.gateway import TARGET_S, Plan, measure, render

BEGAN_MS = 1_700_000_000_000.0


def seen(fault: str, live_s: float, strays: int = 0) -> dict[str, Any]:
    """A page that knows after half of the time and is covered a tenth of a second before the person is back."""
    moments = {"running": -0.1, "waiting": live_s / 2, "connecting": live_s / 2 + 0.1, "running again": live_s - 0.2}
    phases = [{"name": name.split()[0], "ms": BEGAN_MS + 1e3 * at_s} for name, at_s in moments.items()]
    return {
        "fault": fault, "began_ms": BEGAN_MS, "phases": phases, "lastOfOld": None,
        "first": BEGAN_MS + 1e3 * (live_s - 0.1), "live": BEGAN_MS + 1e3 * live_s, "frames": 40, "strays": strays,
    }  # fmt: skip


def rounds(*times_s: float, strays: int = 0) -> Any:
    async def run(faults: Sequence[str], _: str) -> AsyncIterator[dict[str, Any]]:
        for fault, time_s in zip(faults, times_s, strict=True):
            yield seen(fault, time_s, strays)

    return run


def test_faults_go_in_turn_and_their_times_are_medians() -> None:
    record = measure(Plan(rounds=3), lambda _: None, rounds(1.0, 2.0, 1.4, 3.5, 1.2, 2.8))
    kill, freeze = record.figures["faults"]
    assert (kill["fault"], kill["live_s"], kill["longest_s"], kill["within_target"]) == ("kill", 1.2, 1.4, 3)
    assert (freeze["fault"], freeze["live_s"], freeze["longest_s"], freeze["within_target"]) == ("freeze", 2.8, 3.5, 2)
    assert [kill[name] for name in ("noticed_s", "asked_s", "connected_s", "covered_s")] == pytest.approx(
        [0.6, 0.7, 1.0, 1.1]
    )
    assert record.settings == {"rounds": 3, "backend": "fake", "target_s": TARGET_S}


def test_pictures_that_show_the_room_are_counted_and_shown() -> None:
    record = measure(Plan(rounds=2, faults=("kill",)), lambda _: None, rounds(1.0, 1.0, strays=2))
    assert record.figures["faults"][0]["strays"] == 4
    assert render(record).splitlines()[-1].split("|")[-2].strip() == "4"


def test_the_table_says_how_many_were_in_time() -> None:
    table = render(measure(Plan(rounds=2), lambda _: None, rounds(1.0, 2.9, 1.0, 3.1)))
    assert "2 of 2" in table
    assert "1 of 2" in table


def test_simulated_pages_notice_and_come_back_as_the_real_one_does() -> None:
    pytest.importorskip("aiortc", reason="aiortc (extra webrtc) is not installed")
    from rimlight.benchmarks.scale_simulation import SPREAD_S, STILL_S

    page = (resources.files("rimlight.realtime.serve") / "page" / "connection.js").read_text("utf-8")
    found = dict(re.findall(r"^const (STILL_MS|SPREAD_S) = ([\d.]+);", page, re.MULTILINE))
    assert {name: float(value) for name, value in found.items()} == {"STILL_MS": 1e3 * STILL_S, "SPREAD_S": SPREAD_S}
