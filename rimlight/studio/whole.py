"""Files that hold all that was written or what they held before, even where the machine stops in between."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from rimlight.errors import SinkError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place, have it on the disk, and rename it; raises SinkError, the old file stays then."""
    try:
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(draft, 0o644)  # mkstemp makes it private
            os.replace(draft, path)
            _settle(path.parent)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SinkError(
            f"{path} cannot be written: {error.strerror}; make room, what was saved before is kept"
        ) from error


def _settle(folder: Path) -> None:
    """Have a new name in a folder on the disk, where systems let one ask for it."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
