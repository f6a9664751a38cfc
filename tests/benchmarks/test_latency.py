"""Stages and streams of the fake backend at a tiny size: every one is there, and the record is plain data."""

from __future__ import annotations

import json

import pytest

from rimlight.backends import BACKENDS
from rimlight.benchmarks.latency import Plan, measure, render, usual_backends
from rimlight.benchmarks.records import Record
from rimlight.errors import BackendError, MissingExtraError
from rimlight.realtime.session import Settings
from rimlight.types import Size
from tests.benchmarks.doubles import ticking

TIMES = {"count", "p50_ms", "p95_ms", "p99_ms", "mean_ms", "spread"}


@pytest.fixture(scope="module")
def record() -> Record:
    sizes = (Size(48, 64), Size(96, 128))
    plan = Plan(sizes, ("fake",), Settings(long_side=64), repeats=2, blocks=2, frames=5)
    return measure(plan, lambda _: None, ticking())


def test_every_stage_is_timed_once_for_each_of_its_sizes(record: Record) -> None:
    rows = record.figures["stages"]
    found = {(row["stage"], row["kind"], row["size"]) for row in rows}
    assert len(found) == len(rows)
    for size in ("64x48", "128x96"):
        assert {("shrink", "i420", size), ("shrink", "rgb", size)} <= found
        assert {kind for stage, kind, where in found if stage == "pass" and where == size} == {
            "rgb to rgb, sharp", "rgb to rgb, soft", "i420 to i420, sharp", "i420 to i420, sharp planes",
            "i420 to i420, soft", "i420 to rgb, sharp", "i420 to rgb, soft", "i420 to rgba, transparent",
            "rgb to rgba, transparent",
        }  # fmt: skip
    inner = {(stage, kind, size) for stage, kind, size in found if stage not in ("shrink", "pass")}
    assert inner == {
        ("network", "fake", "64x48"), ("tail", "bf16", "64x48"), ("tail", "f32", "64x48"), ("backdrop", "blur", "64x48")
    }  # fmt: skip


def test_times_hold_percentiles_of_all_rounds(record: Record) -> None:
    for row in record.figures["stages"]:
        assert set(row) == {"stage", "kind", "size"} | TIMES
        assert (row["count"], row["p50_ms"], row["spread"]) == (2, 250, 0)


def test_streams_run_files_and_a_camera_through_the_loop(record: Record) -> None:
    rows = record.figures["streams"]
    lanes = [(row["source"], row["size"], row["sink"]) for row in rows]
    assert lanes == [
        (source, size, sink)
        for size in ("64x48", "128x96")
        for source, sink in (("file", "null"), ("file", "null:i420"), ("camera, 30 fps", "null:i420"))
    ]
    for row in rows:
        assert row["blocks"] == 2
        assert row["fps"] > 0
        assert set(row["latency_ms"]) == {"p50", "p95", "p99"}
        assert set(row["stages_ms"]) == {"read", "matte", "paint", "write"}
    assert all(row["frames"] == 5 for row in rows if row["source"] == "file")


def test_the_record_is_plain_json_with_machine_and_peace(record: Record) -> None:
    assert json.loads(json.dumps(record.figures, allow_nan=False)) == record.figures
    assert record.machine["cores"] >= 1
    assert "load" in record.machine
    assert set(record.figures["peace"]) == {"busy", "others", "spread", "load_before", "load_after"}
    assert record.settings["streams_backend"] == "fake"


def test_the_tables_show_what_ran(record: Record) -> None:
    text = render(record)
    assert "| network " in text
    assert "| camera, 30 fps |" in text
    assert "fake: numpy" in text


def test_a_backend_that_does_not_open_is_absent_and_the_next_one_carries_the_streams(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(BACKENDS, "broken", ("on_onnx", "OnnxBackend", "onnxruntime", ""))
    plan = Plan((Size(48, 64),), ("broken", "fake"), Settings(device="moon"), repeats=0, blocks=1, frames=2)
    record = measure(plan, lambda _: None)
    assert "'moon'" in record.figures["absent"]["broken"]
    assert record.settings["streams_backend"] == "fake"
    assert record.figures["stages"] == []
    assert "absent: broken" in render(record)


def test_no_backend_at_all_is_an_error() -> None:
    with pytest.raises(BackendError, match="moon"):
        measure(Plan((Size(48, 64),), ("onnx",), Settings(device="moon")), lambda _: None)


def test_a_runtime_that_is_not_installed_is_said_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "rare", ("on_rare", "Rare", "no_such_package", "rare"))
    with pytest.raises(MissingExtraError, match=r"rimlight\[rare\]"):
        measure(Plan((Size(48, 64),), ("rare",), Settings()), lambda _: None)


def test_the_usual_backends_have_real_networks() -> None:
    assert "fake" not in usual_backends()
    assert "onnx" in usual_backends()
