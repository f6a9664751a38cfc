"""A record says whether the machine was left in peace, and nothing of a run stays behind."""

from __future__ import annotations

import os

import cv2
import pytest

from rimlight.benchmarks import machine
from rimlight.benchmarks.running import Running


def test_neighbours_are_what_is_busy_and_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    hertz = os.sysconf("SC_CLK_TCK")
    seconds = iter([(0, 0), (4, 6)])  # busy, idle: ten seconds of processor time pass, four of them busy

    def stat() -> str:
        busy, idle = next(seconds)
        return f"cpu  {busy * hertz} 0 0 {idle * hertz} 0 0 0 0 0 0\ncpu0 1 2 3\n"

    own = iter([(0.0, 0.0, 0.0, 0.0, 0.0), (1.0, 0.5, 0.0, 0.0, 10.0)])
    monkeypatch.setattr(machine, "_stat", stat)
    monkeypatch.setattr(os, "times", lambda: next(own))
    assert machine.Neighbours().share() == 0.25


def test_a_system_that_does_not_tell_has_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_stat", lambda: "")
    assert machine.Neighbours().share() is None


@pytest.mark.parametrize(
    ("load", "others", "told"),
    [(9.0, 0.05, None), (0.0, 0.4, "took 40%"), (9.0, None, "load was 9.0"), (0.0, None, None)],
)
def test_what_others_took_counts_more_than_the_load_before(
    load: float, others: float | None, told: str | None
) -> None:  # fmt: skip
    note = machine.busy_note({"load": load, "cores": 2}, 0.1, others)
    assert note is None if told is None else told in (note or "")


def test_a_record_says_how_busy_the_machine_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.Neighbours, "share", lambda _: 0.4)
    record = Running().record("latency", {"repeats": 1}, {"stages": []}, [0.1, 0.2, 0.9])
    peace = record.figures["peace"]
    assert record.figures["stages"] == []
    assert (peace["others"], peace["spread"]) == (0.4, 0.2)
    assert peace["busy"] == "busy machine: other programs took 40% of the processors"
    assert set(peace) == {"busy", "others", "spread", "load_before", "load_after"}


def test_holding_to_cores_ends_with_the_block() -> None:
    threads = cv2.getNumThreads()
    allowed = machine.usable_cores()
    with machine.held_to(1) as held:
        assert cv2.getNumThreads() == 1
        assert machine.usable_cores() == (1 if held else allowed)
    assert (cv2.getNumThreads(), machine.usable_cores()) == (threads, allowed)
