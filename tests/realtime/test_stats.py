from __future__ import annotations

import threading

import pytest

from rimlight.realtime import stats as module
from rimlight.realtime.stats import WINDOW, Stats


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in its last element."""
    times = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: times[-1])
    return times


def test_percentiles_are_in_milliseconds() -> None:
    stats = Stats()
    for milliseconds in range(1, 101):
        stats.sample("matte", milliseconds / 1000)
    times = stats.snapshot().stages["matte"]
    assert times.count == 100
    assert times.p50_ms == pytest.approx(50.5)
    assert times.p95_ms == pytest.approx(95.05)
    assert times.p99_ms == pytest.approx(99.01)
    assert times.mean_ms == pytest.approx(50.5)


def test_one_sample_is_every_percentile() -> None:
    stats = Stats()
    stats.sample("paint", 0.004)
    times = stats.snapshot().stages["paint"]
    assert times.p50_ms == times.p95_ms == times.p99_ms == times.mean_ms == pytest.approx(4)


def test_only_the_last_samples_count_for_percentiles_and_all_for_totals() -> None:
    stats = Stats()
    for _ in range(WINDOW):
        stats.sample("matte", 1.0)
    for _ in range(WINDOW):
        stats.sample("matte", 0.5)
    times = stats.snapshot().stages["matte"]
    assert times.count == WINDOW
    assert times.p99_ms == pytest.approx(500)
    assert stats.totals() == {"matte": (2 * WINDOW, pytest.approx(1.5 * WINDOW))}


def test_nothing_measured_is_nothing_told() -> None:
    shot = Stats().snapshot()
    assert (shot.stages, shot.counts, shot.depths, shot.levels) == ({}, {}, {}, {})
    assert shot.elapsed_s == shot.fps == 0.0


def test_a_block_is_timed(clock: list[float]) -> None:
    stats = Stats()
    with stats.timed("write"):
        clock.append(0.25)
    assert stats.snapshot().stages["write"].mean_ms == pytest.approx(250)


def test_a_block_that_fails_is_no_sample() -> None:
    stats = Stats()
    with pytest.raises(ValueError, match="no"), stats.timed("write"):
        raise ValueError("no")
    assert stats.snapshot().stages == {}


def test_the_rate_counts_from_the_first_frame(clock: list[float]) -> None:
    clock.append(100.0)
    stats = Stats()
    stats.count("in")
    for second in range(1, 11):
        clock.append(100.0 + second / 2)
        stats.count("out")
    shot = stats.snapshot()
    assert shot.elapsed_s == pytest.approx(5)
    assert shot.fps == pytest.approx(2)
    clock.append(500.0)
    assert stats.snapshot().fps == pytest.approx(2)


def test_counts_add_up() -> None:
    stats = Stats()
    stats.count("skipped")
    stats.count("skipped", 4)
    assert stats.snapshot().counts == {"skipped": 5}


def test_the_largest_depth_and_the_latest_level_are_kept() -> None:
    stats = Stats()
    for value in (1, 3, 2):
        stats.depth("read", value)
        stats.level("long_side", value)
    assert stats.snapshot().depths == {"read": 3}
    assert stats.snapshot().levels == {"long_side": 2}


def test_a_snapshot_does_not_change() -> None:
    stats = Stats()
    stats.sample("matte", 1.0)
    stats.count("out")
    shot = stats.snapshot()
    stats.sample("paint", 2.0)
    stats.count("out")
    stats.level("every", 2)
    assert list(shot.stages) == ["matte"]
    assert shot.counts == {"out": 1}
    assert shot.levels == {}


def test_stages_write_at_once_while_others_read() -> None:
    stats = Stats()

    def write(stage: str) -> None:
        for _ in range(2000):
            stats.sample(stage, 0.001)
            stats.count(stage)

    writers = [threading.Thread(target=write, args=(f"stage {index}",)) for index in range(4)]
    for thread in writers:
        thread.start()
    while any(thread.is_alive() for thread in writers):
        stats.snapshot()
    shot = stats.snapshot()
    assert {shot.stages[f"stage {index}"].count for index in range(4)} == {2000}
    assert set(shot.counts.values()) == {2000}
