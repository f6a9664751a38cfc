"""The script for machines that have next to nothing: it goes on where it ended, and brings home what counts."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "train_leg"
TIMEOUT_S = 300


def leg(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(SCRIPT), *arguments]
    given = os.environ | {"PYTHON": sys.executable} | environment
    return subprocess.run(
        command, cwd=tmp_path, env=given, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


@pytest.mark.slow
def test_a_leg_goes_on_where_the_one_before_ended(tmp_path: Path) -> None:
    for home in ("first", "second"):
        ran = leg(tmp_path, "smoke", "shapes", "run", "200", "--steps", "1", "--quiet", OUT=str(tmp_path / home))
        assert ran.returncode == 0, ran.stderr
    with (tmp_path / "second" / "log.csv").open() as log:
        assert [row["step"] for row in csv.DictReader(log)] == ["1", "2"]
    for home, step in (("first", "00000001"), ("second", "00000002")):
        files = [path for path in (tmp_path / home).rglob("*") if path.is_file()]
        assert len(files) == 8
        assert max(path.stat().st_size for path in files) <= 16 * 2**20
        assert (tmp_path / home / "checkpoints" / step / "manifest.json").is_file()
        assert (tmp_path / home / "weights.safetensors").is_file()


def test_too_few_words_are_explained(tmp_path: Path) -> None:
    ran = leg(tmp_path, "smoke")
    assert ran.returncode == 2
    assert "scripts/train_leg RECIPE DATA RUN SECONDS" in ran.stderr
