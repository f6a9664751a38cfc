"""The facts of the machine are plain data, and a busy machine says so."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from rimlight.benchmarks import machine
from tests.conftest import need


def test_facts_are_plain_json() -> None:
    facts = machine.describe_machine()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["cores"] >= 1
    assert "numpy" in facts["packages"]


def test_flags_come_from_cpuinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "model name\t: Some CPU @ 2GHz\nflags\t\t: fpu avx2 avx512_bf16 amx_tile unheard_of\n"
    monkeypatch.setattr(machine, "_cpuinfo", lambda: text)
    assert machine.cpu_model() == "Some CPU @ 2GHz"
    assert machine.cpu_flags() == ["avx2", "avx512_bf16", "amx_tile"]


def test_no_cpuinfo_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda: "")
    assert machine.cpu_flags() == []


@pytest.mark.parametrize(
    ("load", "spread", "told"),
    [(0.9, None, None), (None, 0.1, None), (1.5, 0.1, "load was 1.5 on 2 cores"), (0.1, 0.4, "40%")],
)
def test_busy_note_tells_load_and_spread(load: float | None, spread: float | None, told: str | None) -> None:
    note = machine.busy_note({"load": load, "cores": 2}, spread)
    assert note is None if told is None else told in str(note)


def test_relative_spread_ignores_the_rarest_timings() -> None:
    assert machine.relative_spread([1.0] * 20 + [50.0]) == 0.0
    assert machine.relative_spread([1.0, 2.0, 3.0]) == 1.0


def test_git_revision_marks_changes(tmp_path: Path) -> None:
    need("git", shutil.which("git") is not None, "git is not installed")

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True)

    assert machine.git_revision(tmp_path) is None
    git("init")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-m", "one", "--no-verify")
    clean = machine.git_revision(tmp_path)
    assert clean is not None
    assert len(clean) == 12
    (tmp_path / "a").write_text("2")
    assert machine.git_revision(tmp_path) == clean + "+changes"
