"""`rimlight bench`: every command at a tiny size, and errors as one line with exit code 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rimlight import assets
from rimlight.benchmarks import endtoend
from rimlight.benchmarks.peers import PEERS
from rimlight.benchmarks.records import read_record
from rimlight.cli import main
from tests.benchmarks.doubles import AbsentPeer, HalfPeer
from tests.benchmarks.test_quality import write_clip

TINY = ["--size", "64x48"]


def bench(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Exit code of the command line."""
    monkeypatch.setattr(sys, "argv", ["rimlight", "bench", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEERS, "half", HalfPeer)
    monkeypatch.setitem(PEERS, "rvm", HalfPeer)
    monkeypatch.setitem(PEERS, "absent", AbsentPeer)
    monkeypatch.setattr(endtoend, "RobustVideoMatting", HalfPeer)


COMMANDS = {
    "latency": ["--backend", "fake", "--repeats", "2", "--blocks", "1", "--frames", "3"],
    "peers": ["--backend", "fake", "--peer", "half", "--peer", "absent", "--frames", "2"],
    "endtoend": ["--backend", "fake", "--blocks", "2", "--frames", "3", "--ratio", "0.5"],
    "memory": ["--backend", "fake", "--minutes", "0.01", "--every", "0"],
}


@pytest.mark.usefixtures("doubles")
@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_prints_a_table_and_keeps_a_record(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "memory":
        pytest.importorskip("psutil", reason="psutil (extra bench) is not installed")
    assert bench(monkeypatch, name, *TINY, *COMMANDS[name], "--out", tmp_path) == 0
    record = read_record(tmp_path / f"{name}.json")
    assert {"cpu", "cores", "load", "packages", "git"} <= set(record.machine)
    assert set(record.figures["peace"]) == {"busy", "others", "spread", "load_before", "load_after"}
    said = capsys.readouterr()
    assert "| --" in said.out
    assert f"{name}.json" in said.err
    busy = record.figures["peace"]["busy"]
    assert busy is None or busy in said.out


@pytest.mark.usefixtures("doubles")
def test_an_absent_peer_is_reported_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(monkeypatch, "peers", *TINY, *COMMANDS["peers"], "--out", tmp_path) == 0
    assert "absent: absent: cannot fetch it: no route" in capsys.readouterr().out
    assert read_record(tmp_path / "peers.json").figures["absent"] == {"absent": "cannot fetch it: no route"}


@pytest.mark.usefixtures("doubles")
def test_quality_writes_table_record_and_chart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib (extra bench) is not installed")
    write_clip(tmp_path / "clips" / "one", (48, 64), frames=2)
    options = ["--backend", "fake", "--peer", "half", "--peer", "absent", "--out", tmp_path / "out"]
    assert bench(monkeypatch, "quality", tmp_path / "clips", *options) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"quality.json", "quality.md", "quality.png"}
    record = read_record(tmp_path / "out" / "quality.json")
    assert set(record.figures["means"]["64x48"]) == {"rimlight-fake", "half"}
    assert record.figures["absent"] == {"absent": "cannot fetch it: no route"}
    assert "numpy" in record.settings["devices"]["rimlight-fake"]
    assert "| rimlight-fake " in capsys.readouterr().out


def test_quality_takes_trained_weights_beside_the_shipped_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the torch extra is not installed")
    write_clip(tmp_path / "clips" / "one", (48, 64), frames=2)
    weights = assets.asset(f"{assets.DEFAULT}.safetensors").path
    options = ["--backend", "torch", "--weights", weights, "--no-peers", "--threads", "1", "--out", tmp_path / "out"]
    assert bench(monkeypatch, "quality", tmp_path / "clips", *options) == 0
    means = read_record(tmp_path / "out" / "quality.json").figures["means"]["64x48"]
    assert means[f"rimlight {assets.DEFAULT}"] == means["rimlight-torch"]
    assert means["rimlight-torch"]["rvm_lr"]["fgMSE"] >= 0
    assert f"| rimlight {assets.DEFAULT} " in capsys.readouterr().out


def test_macs_prints_the_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the torch extra is not installed")
    assert bench(monkeypatch, "macs", "--size", "64x32", "--frame-size", "128x96", "--out", tmp_path) == 0
    assert "M parameters: within the limits" in capsys.readouterr().out
    assert json.loads((tmp_path / "macs.json").read_text())["figures"]["sizes"]["64x32"]["graph_agrees"]


def test_report_fills_a_document_and_checks_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "page.md"
    document.write_text("<!-- bench:memory -->\n<!-- /bench:memory -->\n")
    places = [document, "--results", tmp_path / "results", "--images", tmp_path / "images"]
    assert bench(monkeypatch, "report", "--check", *places) == 2
    assert bench(monkeypatch, "report", *places) == 0
    assert "Not measured yet: run `rimlight bench memory`" in document.read_text()
    assert bench(monkeypatch, "report", "--check", *places) == 0
    assert "page.md" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["latency", "--size", "big"], "WIDTHxHEIGHT"),
        (["latency", "--backend", "nobody"], "no backend 'nobody'"),
        (["peers", "--peer", "nobody"], "'nobody'"),
        (["endtoend", "--source", "gone.mp4"], "no file gone.mp4"),
        (["memory", "--source", "gone.mp4"], "no file gone.mp4"),
        (["memory", "--backend", "nobody"], "no backend 'nobody'"),
        (["quality", "gone"], "expected a folder of clips"),
        (["quality"], "FOLDER"),
        (["serve", "--case", "640x360x0"], "640x360x2"),
        (["serve", "--size", "big"], "WIDTHxHEIGHT"),
        (["serve", "--backend", "nobody"], "no backend 'nobody'"),
        (["report", "gone.md"], "no document gone.md"),
        (["macs", "--size", "100x100"], "multiples of 16"),
    ],
)
def test_errors_are_short_and_exit_with_2(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if arguments[0] == "macs":
        pytest.importorskip("torch", reason="the torch extra is not installed")
    if arguments[0] == "serve":
        pytest.importorskip("psutil", reason="psutil (extra bench) is not installed")
        pytest.importorskip("playwright", reason="playwright (extra bench) is not installed")
    monkeypatch.chdir(tmp_path)
    assert bench(monkeypatch, *arguments) == 2
    said = capfd.readouterr()
    assert told in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("command", "package", "module", "extra"),
    [
        ("macs", "torch", "torch_macs", "torch"),
        ("macs", "onnx", "graph_macs", "bench"),
        ("memory", "psutil", "memory", "bench"),
        ("serve", "psutil", "serve_child", "bench"),
        ("serve", "playwright.async_api", "serve_browser", "bench"),
    ],
)
def test_a_missing_package_names_its_extra(
    command: str,
    package: str,
    module: str,
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for name in (module, "macs", "serve", "serve_browser"):
        monkeypatch.delitem(sys.modules, f"rimlight.benchmarks.{name}", raising=False)
    assert bench(monkeypatch, command) == 2
    assert f"pip install 'rimlight[{extra}]'" in capfd.readouterr().err


def test_help_loads_no_runtime() -> None:
    code = (
        "import sys; sys.argv = ['rimlight', 'bench', '--help']\n"
        "from rimlight.cli import main\n"
        "main()\n"
        "heavy = {'torch', 'cv2', 'numba', 'onnxruntime', 'openvino', 'matplotlib', 'av'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "latency" in done.stdout
