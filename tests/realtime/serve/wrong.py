"""How a malformed request is written down: as the bytes that are sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SESSIONS = "/api/sessions"
JSON, SDP = "application/json", "application/sdp"


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go: host and port, the id of a session that lives, and an offer that would be taken."""

    host: str
    key: str
    offer: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """kind: for messages. raw: what is sent. half: the sender closes its side then. silent: no answer is fine, too."""

    kind: str
    raw: bytes
    half: bool = False
    silent: bool = False


def raw(
    target: Target, method: str, path: str, body: bytes = b"", kind: str | None = None, more: Sequence[str] = (),
    host: str | None = None,
) -> bytes:  # fmt: skip
    """A request as bytes; more: further header lines."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {target.host if host is None else host}", "Connection: close"]
    lines += [f"Content-Type: {kind}"] if kind else []
    lines += [f"Content-Length: {len(body)}"] if body or method in ("POST", "PUT", "PATCH") else []
    return ("\r\n".join([*lines, *more]) + "\r\n\r\n").encode("latin-1", "replace") + body
