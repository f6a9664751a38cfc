"""Names of workers, and ids of sessions that tell whose they are.

A worker takes a new name at each start, so that an id of before is never taken for one of now. Because ids tell their
worker, a gateway that has just been started finds every session.
"""

from __future__ import annotations

import re
import secrets

WORKER = re.compile(r"[a-z0-9]{4,32}")
KEY = re.compile(r"([a-z0-9]{4,32})_[A-Za-z0-9_-]{24}")


def new_worker() -> str:
    """A name that no other worker has."""
    return secrets.token_hex(6)


def new_key(worker: str) -> str:
    """An id that nobody can guess, of a session on that worker; worker "" stands for a service of its own."""
    token = secrets.token_urlsafe(18)
    return f"{worker}_{token}" if worker else token


def worker_of(key: str) -> str | None:
    """The worker that an id tells; None for an id that tells none."""
    found = KEY.fullmatch(key)
    return found[1] if found else None
