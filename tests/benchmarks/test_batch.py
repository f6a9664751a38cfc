from __future__ import annotations

import pytest

from rimlight.benchmarks.batch import ALONE, LOOSE, MANY, RAY, Load, copied_gib_s, measure, render
from rimlight.types import Size

LOAD = Load(Size(64, 112), videos=2, frames=6, rounds=2, backend="fake", detail=64, ray=False)


def test_a_record_has_every_crew_and_what_they_are_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rimlight.benchmarks.batch.COPY_S", 0.0)
    told: list[str] = []
    record = measure(LOAD, told.append)
    assert list(record.figures["crews"]) == [ALONE, LOOSE, MANY]
    assert told[:2] == [f"round 1 of 2: {ALONE}", f"round 1 of 2: {LOOSE}"]
    assert record.figures["absent"] == {RAY: "left out"}
    for name in ("efficiency", "gain", "memory"):
        assert record.figures[name]["median"] > 0
        assert record.figures[name]["pairs"] == LOAD.rounds
    table = render(record)
    assert "2 workers on as many cores, of 2 times 1 worker on 1 core" in table
    assert "Ray" not in table


def test_memory_is_copied() -> None:
    assert copied_gib_s(1) > 0
