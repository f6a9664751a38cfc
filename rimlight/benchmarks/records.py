"""Results as JSON files that charts and tables are drawn from: written whole or not at all, checked when read."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rimlight import files
from rimlight.benchmarks.machine import ROOT, describe_machine
from rimlight.errors import SinkError, SourceError

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Record:
    """One run of one benchmark.

    name: letters, digits, - and _; the file's stem. created_utc: ISO 8601. machine: describe_machine(). settings: what
    was asked for. figures: what came out. schema: raised when the meaning of a field changes.
    """

    name: str
    settings: dict[str, Any]
    figures: dict[str, Any]
    machine: dict[str, Any]
    created_utc: str
    schema: int = SCHEMA


def new_record(
    name: str, settings: dict[str, Any], figures: dict[str, Any], machine: dict[str, Any] | None = None
) -> Record:
    """A record of now. machine should be described before the run, so that its load is not the run's own."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Record(_checked_name(name), settings, figures, machine or describe_machine(), now)


def results_folder() -> Path:
    """benchmarks/results in the checkout, or in the working directory where rimlight was installed from a wheel."""
    root = ROOT if (ROOT / "pyproject.toml").is_file() else Path.cwd()
    return root / "benchmarks" / "results"


def write_record(record: Record, folder: Path | None = None) -> Path:
    """Write NAME.json into folder (default results_folder()) and return its path; an older one is replaced.

    The file appears whole: it is written beside its place and renamed. Raises SinkError if it cannot be written, or if
    a figure is not finite or not plain data.
    """
    folder = folder or results_folder()
    path = folder / f"{_checked_name(record.name)}.json"
    try:
        text = json.dumps(asdict(record), indent=1, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise SinkError(f"expected finite numbers, texts, lists and dicts in {path.name}, got: {error}") from error
    write_whole(path, text.encode())
    return path


def read_record(path: Path) -> Record:
    """The record in a file; raises SourceError if it is missing, damaged or of another schema."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"expected a benchmark record at {path}, got: {error}; run the benchmark again") from error
    names = {field.name for field in fields(Record)}
    if not isinstance(found, dict) or set(found) != names or found["schema"] != SCHEMA:
        schema = found.get("schema") if isinstance(found, dict) else None
        raise SourceError(f"expected a record of schema {SCHEMA} in {path}, got {schema}; run the benchmark again")
    return Record(**found)


def write_whole(path: Path, data: bytes) -> None:
    """Write data so that path holds all of it or what it held before, making its folder where needed.

    Raises SinkError if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(path, data)
    except OSError as error:
        raise SinkError(
            f"cannot write {path}: {error.strerror or error}; choose a folder that can be written"
        ) from error


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise SinkError(f"expected a record's name of letters, digits, - and _, got {name!r}")
    return name
