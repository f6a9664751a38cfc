"""Bytes as files of limited size with checksums, and joined again; for places that little comes back from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from rimlight.errors import TrainingError

LIMIT_BYTES = 15 * 2**20


def split(data: bytes, folder: Path, name: str, limit: int = LIMIT_BYTES) -> dict[str, Any]:
    """Write data into folder as NAME.part0, NAME.part1 … of at most limit bytes; returns their entry for a manifest."""
    parts = []
    for number, at in enumerate(range(0, max(1, len(data)), limit)):
        piece = data[at : at + limit]
        path = folder / f"{name}.part{number}"
        path.write_bytes(piece)
        parts.append({"name": path.name, "bytes": len(piece), "sha256": _digest(piece)})
    return {"bytes": len(data), "sha256": _digest(data), "parts": parts}


def join(folder: Path, entry: dict[str, Any]) -> bytes:
    """The bytes that split wrote; raises TrainingError that names the part which is missing or damaged."""
    pieces = []
    for part in entry["parts"]:
        path = folder / part["name"]
        try:
            piece = path.read_bytes()
        except OSError as error:
            raise TrainingError(f"{path} is missing ({error.strerror}); copy all parts of the checkpoint") from error
        if len(piece) != part["bytes"] or _digest(piece) != part["sha256"]:
            raise TrainingError(
                f"{path} is damaged: expected {part['bytes']} bytes with sha256 {part['sha256'][:12]}…, "
                f"got {len(piece)} with {_digest(piece)[:12]}…; copy it again, or delete its folder to use an older one"
            )
        pieces.append(piece)
    data = b"".join(pieces)
    if _digest(data) != entry["sha256"]:
        raise TrainingError(f"the parts in {folder} do not belong together; copy the whole checkpoint again")
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
