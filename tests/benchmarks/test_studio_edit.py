"""`rimlight bench studio-edit`: what it times and what it keeps of it."""

from __future__ import annotations

import pytest

from rimlight.benchmarks.studio_edit import Trial, measure, render
from rimlight.types import Size
from tests.studio.standin import networks


def test_a_record_has_a_row_for_each_size_and_the_largest_that_is_interactive() -> None:
    said: list[str] = []
    record = measure(Trial((Size(90, 160),), (64, 128), repeats=4), networks(), said.append)
    rows = record.figures["rows"]
    assert [(row["video"], row["long_side"], row["count"]) for row in rows] == [("160x90", 64, 4), ("160x90", 128, 4)]
    assert all(row["fps"] == pytest.approx(1000 / row["p50_ms"], abs=1e-3) for row in rows)
    quick = [row["long_side"] for row in rows if row["fps"] >= 5]
    assert record.figures["largest"] == {"160x90": max(quick, default=None)}
    assert len(said) == 2
    assert "160x90" in render(record).splitlines()[2]


def test_untrained_networks_are_of_the_usual_make() -> None:
    pytest.importorskip("torch")
    from rimlight.studio.opening import untrained_networks

    found = untrained_networks()
    assert found.matter.radius == 2
    assert "processor" in found.device or found.device == "PyTorch on cpu"
