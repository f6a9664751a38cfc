"""Documents say what the records say: blocks are filled, stale ones are found, wrong markers are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import pytest

from rimlight.benchmarks import charts, report
from rimlight.benchmarks.charts import is_drawn_from, times_of
from rimlight.benchmarks.records import Record, new_record, write_record
from rimlight.benchmarks.report import BLOCKS, Places, check, fill_blocks, load_records, update
from rimlight.errors import SinkError, SourceError

from .report_records import newer_records

MACHINE = {"cpu": "a processor", "cores": 2, "git": "abc123", "load": 0.1}
TIMES = {"count": 9, "p50_ms": 20.0, "p95_ms": 30.0, "p99_ms": 31.0, "mean_ms": 21.0, "spread": 0.1}
RATIO = {"q1": 2.5, "median": 3.0, "q3": 3.5, "pairs": 9}
STREAM = {
    "fps": 30.0, "fps_spread": 0.1, "blocks": 2, "frames": 9, "latency_ms": {"p50": 70.0, "p95": 80.0, "p99": 90.0},
    "stages_ms": {"read": 1.0, "matte": 20.0, "paint": 9.0, "write": 0.1},
}  # fmt: skip
SCORES = {"rvm_lr": {"MAD": 4.0, "MSE": 1.0, "Grad": 1.5, "Conn": 0.6, "dtSSD": 2.8}}
PEACE = {"busy": None, "others": 0.0, "spread": 0.1, "load_before": 0.1, "load_after": 0.2}
PEERS_TEXT = "# Title\n\n<!-- bench:peers -->\nold figures\n<!-- /bench:peers -->\n\nThe end.\n"


def peers_record(median: float = 3.0, **peace: Any) -> Record:
    pair = {"ours": TIMES, "theirs": TIMES | {"p50_ms": 60.0}, "ratio": RATIO | {"median": median}}
    figures = {"ours": "OpenVINO", "peers": {"rvm": "PyPI"}, "absent": {"modnet": "no npm"}, "how": "…"}
    return new_record(
        "peers", {"frames": 9, "threads": 2},
        figures | {"sizes": {"1280x720": {"rvm": pair}}, "peace": PEACE | peace}, MACHINE,
    )  # fmt: skip


def every_record() -> dict[str, Record]:
    ran = {"size": "1920x1080", "sink": "null:i420", "blocks": 2, "frames": 9, "threads": 2}
    endtoend = {"ours": "OpenVINO", "absent": {}, "streams": {"rimlight": STREAM, "rvm 0.25": STREAM}, "how": "…"}
    latency = {
        "devices": {"onnx": "ONNX Runtime"}, "absent": {},
        "stages": [{"stage": "network", "kind": "onnx", "size": "512x288"} | TIMES],
        "streams": [{"source": "file", "size": "1280x720", "sink": "null"} | STREAM],
    }  # fmt: skip
    part = {"products": 9_000_000_000, "rest": 1_000_000}
    macs = {
        "parameters": 3_600_000, "limits": {"parameters": 3_890_000, "macs": 9_690_000_000, "size": "512x512"},
        "within_limits": True,
        "sizes": {"512x512": {"parts": {"decoder": part}, "product_macs": 9_000_000_000, "total_macs": 9_001_000_000,
                              "graph": {"convolutions": 9_000_000_000, "matrix_products": 0}}},
        "passes": [{"size": "1280x720", "from": "rgb", "to": "rgb", "backdrop": "sharp", "macs": 1, "read_bytes": 1,
                    "written_bytes": 1}],
    }  # fmt: skip
    clips = {"a": {"size": "512x288", "frames": 3, "scores": {}}}
    quality = {"means": {"512x288": {"rimlight": SCORES, "rvm": SCORES}}, "clips": clips, "absent": {}}
    memory = {
        "device": "ONNX Runtime", "fps": 30.0, "frames": 900, "rss_mib": {"settled": 300, "last": 301, "most": 301},
        "threads": {"settled": 9, "last": 9, "most": 9}, "slope_mib_per_min": 0.1, "slope_error": 0.05, "samples": [],
    }  # fmt: skip
    times = {"p50": 80.0, "p95": 99.0, "p99": 120.0, "least": 75.0, "most": 85.0, "spread": 0.1}
    case = {
        "size": "1280x720", "sessions": 1, "low_delay": True, "codec": "VP8", "latency_ms": times, "shown_fps": 29.9,
        "size_shown": "1280x720", "unreadable": 0.0, "server_p50_ms": 20.0, "server_cpus": 1.2, "browser_cpus": 0.6,
    }  # fmt: skip
    asked = {"rounds": 3, "seconds": 20.0, "backend": "auto", "quality": "medium"}
    scored = {part: dict.fromkeys(("SAD", "MSE", "Grad"), 0.5) for part in ("dvm", "dvm_transition")}
    mattes = {"clips": 1, "frames": 3, "rows": {"live network": scored, "w, full": scored},
              "trimaps": {"full": {"unknown": 0.1, "contradicted": 0.0}}}  # fmt: skip
    weights = {"name": "w", "trained": "9 steps", "config": {"align": "none", "fuse": "none", "radius": 0}}
    studio = {"matting": [weights], "propagation": "not trained", "live": "OpenVINO", "studio": "OpenVINO"}
    soaked = {"size": "1280x720", "sink": "null:i420", "seconds": 600}
    return {
        "peers": peers_record(),
        "endtoend": new_record("endtoend", ran, endtoend | {"ratios": {"rvm 0.25": RATIO}, "peace": PEACE}, MACHINE),
        "latency": new_record("latency", {"repeats": 9, "blocks": 2, "frames": 9, "streams_backend": "onnx"},
                              latency | {"peace": PEACE}, MACHINE),
        "macs": new_record("macs", {}, macs, MACHINE),
        "quality": new_record("quality", {}, quality, MACHINE),
        "memory": new_record("memory", soaked, memory | {"peace": PEACE}, MACHINE),
        "studio": new_record("studio", studio, {"means": {"512x288": mattes}, "clips": {}}, MACHINE),
        "serve": new_record("serve", asked, {"cases": [case], "peace": PEACE}, MACHINE),
        **newer_records(MACHINE, PEACE),
    }  # fmt: skip


@pytest.fixture
def places(tmp_path: Path) -> Places:
    readme = tmp_path / "README.md"
    readme.write_text(PEERS_TEXT)
    write_record(peers_record(), tmp_path / "results")
    return Places(tmp_path / "results", (readme, tmp_path / "missing.md"), tmp_path / "images")


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "CHARTS", {})


@pytest.mark.parametrize("name", list(BLOCKS))
def test_every_block_is_filled_from_its_record(name: str) -> None:
    text = f"<!-- bench:{name} -->\n<!-- /bench:{name} -->\n"
    filled = fill_blocks(text, every_record())
    assert filled.startswith(f"<!-- bench:{name} -->\n")
    assert filled.endswith(f"\n<!-- /bench:{name} -->\n")
    assert "| -" in filled
    assert fill_blocks(filled, every_record()) == filled


def test_what_is_around_a_block_stays(places: Places) -> None:
    filled = fill_blocks(PEERS_TEXT, load_records(places.results))
    assert filled.startswith("# Title\n\n<!-- bench:peers -->\n| size ")
    assert filled.endswith("<!-- /bench:peers -->\n\nThe end.\n")
    assert "old figures" not in filled
    assert "| 1280x720 |  rvm |" in filled
    assert "3.00 | 2.50 to 3.50 |" in filled
    assert "absent: modnet: no npm" in filled
    assert "*Medians of 9 pairs of frames. rimlight: OpenVINO; 2 threads each. a processor, 2 cores, 20" in filled
    assert "commit abc123.*" in filled


def test_a_busy_machine_is_said_in_the_document() -> None:
    filled = fill_blocks(PEERS_TEXT, {"peers": peers_record(busy="busy machine: others")})
    assert "**Busy machine: others**: do not compare" in filled


def test_a_record_that_is_not_there_is_said(tmp_path: Path) -> None:
    filled = fill_blocks("<!-- bench:stages -->\nx\n<!-- /bench:stages -->\n", load_records(tmp_path / "nowhere"))
    assert filled == (
        "<!-- bench:stages -->\n*Not measured yet: run `rimlight bench latency`.*\n<!-- /bench:stages -->\n"
    )


@pytest.mark.usefixtures("no_charts")
def test_an_update_changes_what_is_stale_and_then_nothing(places: Places) -> None:
    with pytest.raises(SinkError, match=r"README\.md do not say"):
        check(places)
    assert [path.name for path in update(places)] == ["README.md"]
    check(places)
    assert update(places) == []
    write_record(peers_record(median=2.0), places.results)
    with pytest.raises(SinkError, match="rimlight bench report"):
        check(places)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<!-- bench:nothing -->\n<!-- /bench:nothing -->\n", "'nothing' in X.md"),
        ("<!-- bench:peers -->\nno end\n", "X.md has a bench marker without"),
        ("<!-- bench:peers -->\n<!-- /bench:memory -->\n", "without its other end"),
        ("<!-- /bench:peers -->\n", "without its other end"),
    ],
)
def test_wrong_markers_are_named(text: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        fill_blocks(text, every_record(), "X.md")


def test_a_damaged_record_is_an_error_and_no_absence(places: Places) -> None:
    (places.results / "memory.json").write_text("{")
    with pytest.raises(SourceError, match=r"memory\.json"):
        update(places)


def test_other_files_beside_the_records_are_left_alone(places: Places) -> None:
    (places.results / "notes.json").write_text("{")
    assert list(load_records(places.results)) == ["peers"]


@pytest.mark.parametrize("name", ["peers", "quality"])
def test_a_chart_knows_the_figures_it_was_drawn_from(name: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib (extra bench) is not installed")
    record = every_record()[name]
    path = report.CHARTS[name](record, tmp_path / "new" / f"{name}.png")
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.std() > 10
    assert is_drawn_from(path, record)
    assert not is_drawn_from(path, every_record()["memory"])
    assert not is_drawn_from(tmp_path / "missing.png", record)


def test_a_stale_chart_is_drawn_again(places: Places) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib (extra bench) is not installed")
    assert [path.name for path in update(places)] == ["README.md", "peers.png"]
    check(places)
    (places.images / "peers.png").unlink()
    with pytest.raises(SinkError, match=r"peers\.png"):
        check(places)


def test_a_run_without_any_peer_has_no_chart(places: Places) -> None:
    record = peers_record()
    record.figures["sizes"] = {"1280x720": {}}
    assert not charts.can_draw(record)
    write_record(record, places.results)
    assert [path.name for path in update(places)] == ["README.md"]


def test_bars_are_in_order_and_ours_is_the_mean_over_its_pairs() -> None:
    def pair(ours: float, theirs: float) -> dict[str, Any]:
        return {"ours": TIMES | {"p50_ms": ours}, "theirs": TIMES | {"p50_ms": theirs}}

    found = times_of({"slow": pair(20.0, 60.0), "quick": pair(30.0, 5.0)})
    assert list(found.items()) == [("quick", 5.0), ("rimlight", 25.0), ("slow", 60.0)]
