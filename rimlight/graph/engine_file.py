"""Engines as files: a header that says what the engine is for, then the plan as the library wrote it.

Layout: 8 bytes of magic; length of the JSON, 4 bytes, little end first; JSON of notes, length of the plan and SHA-256
of both; the plan.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rimlight.errors import WeightsError
from rimlight.files import write_whole

MAGIC = b"RIMENG\x00\x01"  # the last byte is the version of the layout
LENGTH = struct.Struct("<I")
MOST_NOTES = 1 << 20
AGAIN = "build it again with rimlight export"


@dataclass(frozen=True, slots=True)
class EngineFile:
    """notes: what the engine was made of and for, by name. plan: what the library reads."""

    notes: dict[str, str]
    plan: bytes


def write_engine(path: Path, notes: Mapping[str, str], plan: bytes) -> None:
    """Write an engine whole or not at all: whoever reads at the same time sees the old file or the new one.

    Raises OSError where it cannot be written.
    """
    header = {"notes": dict(notes), "bytes": len(plan), "sha256": _checksum(notes, plan)}
    text = json.dumps(header, sort_keys=True).encode()
    write_whole(path, MAGIC + LENGTH.pack(len(text)) + text + plan)


def read_engine(path: Path) -> EngineFile:
    """An engine file, verified; raises WeightsError if it is missing, damaged or no engine file."""
    with _opened(path) as file:
        header = _header(file, path.name)
        plan = file.read()
    if len(plan) != header["bytes"]:
        raise WeightsError(f"{path.name} is cut short: {len(plan)} of {header['bytes']} bytes of plan; {AGAIN}")
    if _checksum(header["notes"], plan) != header["sha256"]:
        raise WeightsError(f"{path.name} is damaged: its content has another checksum; {AGAIN}")
    return EngineFile(header["notes"], plan)


def read_notes(path: Path) -> dict[str, str]:
    """The notes alone, without a look at the plan; raises WeightsError as read_engine does."""
    with _opened(path) as file:
        notes: dict[str, str] = _header(file, path.name)["notes"]
    return notes


def _checksum(notes: Mapping[str, str], plan: bytes) -> str:
    return hashlib.sha256(json.dumps(dict(notes), sort_keys=True).encode() + plan).hexdigest()


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise WeightsError(f"cannot read {path.name}: {error.strerror}; {AGAIN}") from error


def _header(file: BinaryIO, name: str) -> dict[str, Any]:
    magic = file.read(len(MAGIC))
    if magic[:-1] != MAGIC[:-1]:
        raise WeightsError(f"{name} is no engine of rimlight; {AGAIN}")
    if magic != MAGIC:
        raise WeightsError(f"{name} has layout {magic[-1]}, expected {MAGIC[-1]}; {AGAIN}")
    length = file.read(LENGTH.size)
    size = LENGTH.unpack(length)[0] if len(length) == LENGTH.size else MOST_NOTES + 1
    text = file.read(size) if size <= MOST_NOTES else b""
    try:
        header = json.loads(text)
    except ValueError as error:
        raise WeightsError(f"{name} is damaged: its notes are no JSON; {AGAIN}") from error
    if not _is_header(header):
        raise WeightsError(f"{name} is damaged: its notes are incomplete; {AGAIN}")
    found: dict[str, Any] = header
    return found


def _is_header(header: object) -> bool:
    if not isinstance(header, dict) or not isinstance(header.get("notes"), dict):
        return False
    texts = [header.get("sha256"), *header["notes"], *header["notes"].values()]
    return isinstance(header.get("bytes"), int) and all(isinstance(text, str) for text in texts)
