"""What counts as growth of a service that people come to and go from, and a short run of the real thing."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytest.importorskip("psutil", reason="psutil (extra bench) is not installed")

from tests.realtime.serve.churn import Look, Tally, verdict

BASE = Look(30, 400.0, 12, 9, 0, 0)
END = Look(700, 400.0, 14, 11, 0, 0)


def tally(done: int = 100, failed: int = 0) -> Tally:
    found = Tally()
    found.done["leaves"], found.failed["closes"] = done, failed
    found.reasons += ["closes: why"] * failed
    return found


def looks(mib_per_min: float, begin_mib: float = 400.0, wobble_mib: float = 3.0, minutes: int = 10) -> list[Look]:
    """One every ten seconds, with sessions that come and go."""
    times = [index * 10.0 for index in range(6 * minutes)]
    return [
        Look(at, begin_mib + mib_per_min * at / 60 + wobble_mib * math.sin(at), 20, 30, 8, 2) for at in times
    ]  # fmt: skip


def test_a_service_that_stays_as_it_is_passes() -> None:
    assert verdict(BASE, looks(0.0), END, tally()) == []


def test_memory_that_grows_is_found() -> None:
    (told,) = verdict(BASE, looks(20.0), END, tally())
    assert told.startswith("memory grew by 20.")


def test_memory_that_was_taken_at_the_beginning_is_none() -> None:
    early = [look._replace(rss_mib=min(look.rss_mib, 440.0)) for look in looks(20.0)]
    assert verdict(BASE, early, END, tally()) == []


@pytest.mark.parametrize("mib_per_min", [1.0, 3.0])
def test_a_slope_that_is_small_in_itself_or_to_the_whole_is_none(mib_per_min: float) -> None:
    assert verdict(BASE, looks(mib_per_min), END, tally()) == []


def test_noise_is_no_growth() -> None:
    assert verdict(BASE, looks(3.0, begin_mib=100.0, wobble_mib=80.0), END, tally()) == []


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (END._replace(fds=40), "40 fds at the end, 9 at the beginning"),
        (END._replace(threads=40), "40 threads at the end"),
        (END._replace(sessions=1), "1 sessions and 0 viewers are left"),
        (END._replace(viewers=2), "0 sessions and 2 viewers are left"),
    ],
)
def test_what_is_left_is_found(end: Look, told: str) -> None:
    (found,) = verdict(BASE, looks(0.0), end, tally())
    assert told in found


def test_visits_that_go_wrong_are_found() -> None:
    (told,) = verdict(BASE, looks(0.0), END, tally(90, 10))
    assert told == "10 of 100 visits went wrong: closes: why; closes: why; closes: why"
    assert verdict(BASE, looks(0.0), END, tally(99, 1)) == []


def test_a_run_without_visits_proves_nothing() -> None:
    assert verdict(BASE, [], END, Tally()) == ["nobody came"]


@pytest.mark.slow
def test_a_minute_of_coming_and_going(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "churn"), "--minutes", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "serve-churn.json").is_file()
