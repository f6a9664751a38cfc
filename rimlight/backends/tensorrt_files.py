"""Files beside the engines that save time and may be lost: read where they are, written whole or not at all."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

log = logging.getLogger(__name__)


def engines_folder() -> Path:
    """Where engines are kept: rimlight/engines in the user's cache."""
    windows = os.environ.get("LOCALAPPDATA") if os.name == "nt" else None
    base = windows or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rimlight" / "engines"


def read_if_there(path: Path | None) -> bytes:
    """The content of a file, nothing where it is not there or cannot be read."""
    try:
        return path.read_bytes() if path is not None else b""
    except OSError:
        return b""


def write_if_possible(path: Path, data: bytes) -> None:
    """Write a file so that whoever reads sees all of it or what was there before; says so in the log if it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
            draft.write(data)
        os.replace(draft.name, path)
    except OSError as error:
        log.warning("%s cannot be written (%s); the next start takes longer for it", path, error.strerror)
