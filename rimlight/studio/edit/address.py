"""Where the editor of a project was reached: a page with strokes that wait finds it there when it is started again.

Kept in the user's own folder for such files, readable by nobody else.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from rimlight.errors import ConfigError
from rimlight.realtime.control.runtime import runtime_folder

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Address:
    """port: on this machine. token: the key at the address' end."""

    port: int
    token: str


def listen(port: int, token: str | None, before: Address | None) -> tuple[socket.socket, str]:
    """A socket on a port, 0 for any free one, and the token: both as before if they can be and no other is wanted.

    Raises ConfigError for a port that is taken. Where another program has the port of before, the token is a new one:
    a page that waits may have told that program the old one.
    """
    if before is not None and token is None and port in (0, before.port):
        with suppress(OSError):
            return socket.create_server((HOST, before.port)), before.token
    try:
        return socket.create_server((HOST, port)), token or secrets.token_urlsafe(24)
    except OSError as error:
        raise ConfigError(f"{HOST}:{port} cannot be listened on: {error.strerror or error}; choose --port") from error


def address_file(project: Path) -> Path:
    """Where a project's address is kept; raises ControlError where there is no private folder."""
    name = hashlib.sha256(os.fsencode(project.resolve())).hexdigest()[:16]
    return runtime_folder() / f"studio-{name}.json"


def read_address(file: Path) -> Address | None:
    """The address that was kept; None where there is none."""
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        return Address(int(known["port"]), str(known["token"]))
    except (OSError, ValueError, TypeError, LookupError):
        return None


def keep_address(file: Path, address: Address) -> None:
    """Write an address down, mode 0600; raises OSError."""
    draft = file.with_suffix(f".{os.getpid()}.part")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
        json.dump(asdict(address), written)
    draft.replace(file)
