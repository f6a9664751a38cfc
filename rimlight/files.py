"""Files written whole or not at all, and files in the user's cache, which save time and may be lost."""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

MOST_FILES = 32  # of a folder of the cache
MOST_BYTES = 4 << 30


def cache_folder(name: str) -> Path:
    """rimlight/NAME in the user's cache."""
    windows = os.environ.get("LOCALAPPDATA") if os.name == "nt" else None
    return Path(windows or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rimlight" / name


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that whoever reads at the same time sees all of it or what was there before.

    Raises OSError where it cannot be written; nothing is left behind then.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        draft.write_bytes(data)
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def write_if_possible(path: Path, data: bytes) -> None:
    """write_whole, its folder made where needed; where that fails, it is said in the log."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        log.warning("%s cannot be written (%s); the next start takes longer for it", path, error.strerror)


def read_if_there(path: Path | None) -> bytes:
    """The content of a file, which counts as used now; nothing where it is not there or cannot be read."""
    if path is None:
        return b""
    try:
        data = path.read_bytes()
    except OSError:
        return b""
    mark_used(path)
    return data


def mark_used(path: Path) -> None:
    """Let a file be the last that trim removes; by its time of change, as times of reading are not kept everywhere."""
    with suppress(OSError):
        os.utime(path)


def trim(folder: Path, most_files: int = MOST_FILES, most_bytes: int = MOST_BYTES) -> None:
    """Remove the files of a cache's folder that were not used for longest, until so few and small ones are left.

    The newest stays, however large it is. What cannot be removed, or goes meanwhile, is left as it is.
    """
    left_bytes = 0
    for place, (_, size_bytes, path) in enumerate(sorted(_files(folder), reverse=True)):
        left_bytes += size_bytes
        if place and (place >= most_files or left_bytes > most_bytes):
            with suppress(OSError):
                path.unlink()


def _files(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """Time of change, bytes and path of each file."""
    for path in folder.glob("*"):
        with suppress(OSError):
            found = path.lstat()
            if stat.S_ISREG(found.st_mode):
                yield found.st_mtime_ns, found.st_size, path
