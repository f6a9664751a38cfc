"""Files that ship with the package, each checked against its recorded checksum when opened."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.errors import WeightsError

FOLDER = Path(__file__).parent
MANIFEST = FOLDER / "manifest.json"
DEFAULT = "attention-memory-v0"


@dataclass(frozen=True, slots=True)
class Asset:
    """One shipped file: path, sha256 and what the manifest says of it."""

    path: Path
    sha256: str
    notes: dict[str, Any]


def checksum(path: Path) -> str:
    """sha256 of a file in hexadecimal; raises WeightsError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(path)
    except OSError as error:
        raise WeightsError(f"cannot read {path.name}: {error.strerror}; install rimlight again") from error


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()  # Python 3.10


def asset(name: str) -> Asset:
    """The shipped file of that name, verified; raises WeightsError if it is missing or damaged."""
    entries = _entries()
    if name not in entries:
        raise WeightsError(f"no file {name!r} ships with rimlight; there are {', '.join(sorted(entries))}")
    notes = entries[name]
    path = FOLDER / name
    if not path.exists():
        raise WeightsError(f"{name} is missing from the installation; install rimlight again")
    verify(path, notes["sha256"])
    return Asset(path, notes["sha256"], notes)


def _entries() -> dict[str, Any]:
    try:
        entries = json.loads(MANIFEST.read_text())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{MANIFEST.name} cannot be read: {error}; install rimlight again") from error
    if not isinstance(entries, dict):
        raise WeightsError(f"{MANIFEST.name} is damaged: expected a table of files; install rimlight again")
    return entries


def verify(path: Path, sha256: str) -> None:
    """Raise WeightsError unless the file has that checksum."""
    found = checksum(path)
    if found != sha256:
        raise WeightsError(
            f"{path.name} is damaged: sha256 {found[:12]}…, expected {sha256[:12]}…; install rimlight again"
        )


def record(name: str, folder: Path = FOLDER, **notes: Any) -> None:
    """Write the checksum and notes of a file in folder into its manifest; for the export script, not for users."""
    manifest = folder / MANIFEST.name
    before = manifest.read_text() if manifest.exists() else "{}"
    entries = {**json.loads(before), name: {"sha256": checksum(folder / name), **notes}}
    after = json.dumps(entries, indent=2, sort_keys=True) + "\n"
    if after != before:
        manifest.write_text(after)
