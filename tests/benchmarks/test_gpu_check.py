"""scripts/gpu_check: every step of it runs, on stand-ins; and it says what it lacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rimlight.benchmarks.records import read_record, results_folder

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "gpu_check"
TIMEOUT_S = 1800  # minutes on a busy machine


def check(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"} | environment
    command = ["bash", str(SCRIPT), *arguments]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


@pytest.mark.slow
def test_every_step_runs_on_stand_ins_and_measures_nothing(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the torch extra is not installed")
    before = sorted(results_folder().iterdir())
    ran = check("--stand-in", OUT=str(tmp_path))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    figures = read_record(tmp_path / "gpu-stand-in.json").figures
    assert figures["stand_in"] is True
    assert {"rimlight torch"} <= {row["who"] for row in figures["rows"]}
    checks = [json.loads(line) for line in (tmp_path / "checks.jsonl").read_text().splitlines()]
    assert all(one["stand_in"] for one in checks)
    assert "torch" in {one["who"] for one in checks}
    assert {"machine.txt", "tests.log", "tests.xml", "bench.log", "table.md"} <= {
        path.name for path in tmp_path.iterdir()
    }
    assert ran.stdout.count("STAND-IN, NO MEASUREMENT") == 2  # over both tables
    assert sorted(results_folder().iterdir()) == before


def test_a_failed_step_fails_the_check(tmp_path: Path) -> None:
    """A Python that has everything and can do nothing."""
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$1$2" in -c*) exit 0 ;; esac\nexit 1\n')
    python.chmod(0o755)
    ran = check("--stand-in", PYTHON=str(python), OUT=str(tmp_path / "out"))
    assert ran.returncode == 1
    assert "FAILED" in ran.stdout


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    ran = check(PYTHON="false", OUT=str(tmp_path))
    assert ran.returncode == 2
    assert "WHEELS" in ran.stderr


def test_another_word_is_explained() -> None:
    ran = check("--faster")
    assert ran.returncode == 2
    assert "scripts/gpu_check --stand-in" in ran.stderr
