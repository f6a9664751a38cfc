"""What a manifest's tables hold, and rows of them as values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from rimlight.batch.items import Film, Task
from rimlight.batch.storage import Stamp
from rimlight.realtime.jobs import Share
from rimlight.types import Size

State: TypeAlias = Literal["pending", "running", "done", "failed", "quarantined"]
STATES: tuple[State, ...] = ("done", "failed", "quarantined", "running", "pending")

# work.state: waiting (for the parts before a join), pending, running, held (its input is given up), done.
# work.rank: what is taken first; a video that was begun is finished before another is.
SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS inputs (
    id INTEGER PRIMARY KEY, source TEXT UNIQUE NOT NULL, out TEXT UNIQUE NOT NULL, size INTEGER, mark TEXT NOT NULL,
    look TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'pending', reason TEXT NOT NULL DEFAULT '',
    tries INTEGER NOT NULL DEFAULT 0, worker TEXT, device TEXT NOT NULL DEFAULT '', film TEXT, count INTEGER,
    digest TEXT NOT NULL DEFAULT '', notes TEXT NOT NULL DEFAULT '', sample BLOB, ended_s REAL
);
CREATE INDEX IF NOT EXISTS inputs_by_state ON inputs (state);
CREATE TABLE IF NOT EXISTS work (
    input INTEGER NOT NULL REFERENCES inputs (id), rank INTEGER NOT NULL, number INTEGER NOT NULL,
    state TEXT NOT NULL, share TEXT, first_s REAL, tries INTEGER NOT NULL DEFAULT 0, frames INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0, ended_s REAL, PRIMARY KEY (input, rank, number)
);
CREATE INDEX IF NOT EXISTS work_by_state ON work (state, rank, tries, input, number);
"""
JOIN, PART, BEGIN = 0, 1, 2
TASKS: dict[int, Task] = {JOIN: "join", PART: "part", BEGIN: "begin"}


@dataclass(frozen=True, slots=True)
class Step:
    """One row of work, with what its input's row says."""

    input: int
    rank: int
    number: int
    source: str
    out: str
    stamp: Stamp
    look: dict[str, str]
    film: Film | None
    share: Share | None


@dataclass(frozen=True, slots=True)
class Line:
    """An input as reports name it. frames, seconds: matted so far, and how long workers took for it.

    count: frames of all its parts, None for what is not split.
    """

    id: int
    source: str
    out: str
    state: State
    reason: str
    tries: int
    size: int | None
    mark: str
    look: dict[str, str]
    device: str
    digest: str
    notes: str
    count: int | None
    frames: int
    seconds: float

    @property
    def why(self) -> str:
        """The reason without the file's name before it."""
        return self.reason.removeprefix(self.source).lstrip(" :")


def film_text(film: Film) -> str:
    """A film as JSON."""
    return json.dumps([film.size.height, film.size.width, str(film.rate), film.start_s])


def film_of(text: str | None) -> Film | None:
    """The film that film_text wrote."""
    if text is None:
        return None
    height, width, rate, start_s = json.loads(text)
    return Film(Size(height, width), Fraction(rate), start_s)


def share_text(share: Share) -> str:
    """A share as JSON."""
    read = None if share.read is None else [share.read.start, share.read.stop]
    return json.dumps([share.own.start, share.own.stop, read, share.begins_s])


def share_of(text: str | None) -> Share | None:
    """The share that share_text wrote."""
    if text is None:
        return None
    start, stop, read, begins_s = json.loads(text)
    return Share(range(start, stop), None if read is None else range(*read), begins_s)
