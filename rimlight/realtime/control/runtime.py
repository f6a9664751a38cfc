"""Where a running stream says how to reach it: a file that only its user may read, in a folder of mode 0700."""

from __future__ import annotations

import json
import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from rimlight.errors import ControlError

PREFIX, SUFFIX = "live-", ".json"


@dataclass(frozen=True, slots=True)
class Address:
    """A running stream: its process, its port on 127.0.0.1, and the token that opens it."""

    pid: int
    port: int
    token: str
    path: Path


def runtime_folder() -> Path:
    """$XDG_RUNTIME_DIR/rimlight, or a folder in the user's cache; made with mode 0700.

    Raises ControlError where it belongs to somebody else or cannot be made.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(base) / "rimlight" if os.path.isdir(base) else cache_home() / "rimlight" / "run"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
            raise ControlError(f"{folder} is not a folder of yours, so no token is kept there; remove it")
        if sys.platform != "win32" and stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise ControlError(f"no folder for the control file at {folder}: {error.strerror or error}") from error
    return folder


def cache_home() -> Path:
    """$XDG_CACHE_HOME, or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def publish(port: int, token: str) -> Address:
    """Write how to reach this process, mode 0600, whole or not at all; raises ControlError."""
    pid = os.getpid()
    path = runtime_folder() / f"{PREFIX}{pid}{SUFFIX}"
    part = path.with_suffix(".part")
    try:
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({"pid": pid, "port": port, "token": token}, file)
        part.replace(path)
    except OSError as error:
        raise ControlError(f"the control file {path} cannot be written: {error.strerror or error}") from error
    return Address(pid, port, token, path)


def published() -> list[Address]:
    """Every address that is written down and whose process lives; files that processes left behind are removed."""
    found = []
    for path in sorted(runtime_folder().glob(f"{PREFIX}*{SUFFIX}")):
        address = _read(path)
        if address is not None and is_alive(address.pid):
            found.append(address)
        else:
            path.unlink(missing_ok=True)
    return found


def is_alive(pid: int) -> bool:
    """Whether there is such a process; on Windows, where asking ends it, always."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(path: Path) -> Address | None:
    """What the file says, None if it is damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        pid, port, token = int(values["pid"]), int(values["port"]), str(values["token"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return Address(pid, port, token, path) if 0 < pid < 2**31 and 0 < port < 2**16 else None
