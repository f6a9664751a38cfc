"""The last words of scripts/gpu_check: what the tests found and what the benchmark measured, as two tables.

The folder holds checks.jsonl, which tests/gpu/test_on_gpu.py wrote, and gpu.json or gpu-stand-in.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rimlight.benchmarks.gpu.plan import NAME, NO_MEASUREMENT, STAND_IN, render
from rimlight.benchmarks.records import read_record
from rimlight.benchmarks.tables import figure, markdown

CHECKS = "checks.jsonl"


def summary(folder: Path) -> str:
    """Both tables, or what is missing of them. Raises SourceError for a damaged record."""
    parts = [checks_table(_lines(folder / CHECKS))]
    records = [path for name in (NAME, STAND_IN) if (path := folder / f"{name}.json").is_file()]
    parts += [render(read_record(path)) for path in records] or ["the benchmark left no record"]
    return "\n\n".join(parts)


def checks_table(checks: list[dict[str, Any]]) -> str:
    """What tests/gpu/test_on_gpu.py reported."""
    if not checks:
        return "the tests reported nothing"
    rows = [[check["check"], check["who"], figure(check["found"]), check["wanted"]] for check in checks]
    table = markdown([["check", "who", "found", "wanted"], *rows])
    return f"{NO_MEASUREMENT}\n\n{table}" if any(check["stand_in"] for check in checks) else table


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def main(folder: str) -> None:
    """Print it."""
    print(summary(Path(folder)))
