"""Records come back as they were written, whole, or say what is wrong."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from rimlight.benchmarks import records
from rimlight.errors import SinkError, SourceError


def make(name: str = "quality", **figures: object) -> records.Record:
    return records.new_record(name, {"threads": 2}, figures, {"cpu": "x"})


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = make(mad=1.5, clips=["a", "b"])
    path = records.write_record(record, tmp_path / "new" / "folder")
    assert path.name == "quality.json"
    assert records.read_record(path) == record


def test_a_record_is_dated_in_utc() -> None:
    created = datetime.fromisoformat(make().created_utc)
    assert created.utcoffset() == timedelta(0)
    assert abs(datetime.now(timezone.utc) - created) < timedelta(hours=1)


def test_results_lie_at_the_root_of_the_checkout() -> None:
    assert records.results_folder() == Path(__file__).parents[2] / "benchmarks" / "results"


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = records.write_record(make(mad=1), tmp_path)
    before = path.read_text()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(SinkError, match="No space left"):
        records.write_record(make(mad=2), tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["quality.json"]
    assert path.read_text() == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_figures_that_json_cannot_hold_are_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(SinkError, match="finite"):
        records.write_record(make(mad=value), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "a/b", "../up", "a.b"])
def test_names_that_leave_the_folder_are_refused(name: str) -> None:
    with pytest.raises(SinkError, match="name"):
        make(name)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=r"x\.json"):
        records.read_record(path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = records.write_record(make(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 99}))
    with pytest.raises(SourceError, match=r"schema 1.*99"):
        records.read_record(path)


def test_a_missing_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone"):
        records.read_record(tmp_path / "gone.json")
