"""What a batch knows, as anybody may read it while its driver writes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from rimlight.batch.tables import PART, STATES, Line, State
from rimlight.errors import SinkError, SourceError

NAME, LOCK = "manifest.sqlite", "lock.sqlite"
BUSY_S = 30.0  # how long a reader waits for the writer
LINES = """
    SELECT id, source, out, inputs.state, reason, inputs.tries, size, mark, look, device, digest, notes, count,
        COALESCE(SUM(frames), 0), COALESCE(SUM(seconds), 0)
    FROM inputs LEFT JOIN work ON work.input = inputs.id GROUP BY id ORDER BY id
"""


Reading = TypeVar("Reading", bound="Readings")


class Readings:
    """The file in a folder; a context manager. Raises SourceError where there is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / NAME).is_file():
            raise SourceError(f"no batch in {folder}; name the folder that was given as --out, or its --state")
        with said(folder):
            self._rows = connect(folder)

    def settings(self) -> dict[str, Any]:
        """What settle kept; empty before."""
        return {name: json.loads(value) for name, value in self._rows.execute("SELECT name, value FROM settings")}

    def begins_s(self, input_: int) -> tuple[float | None, ...]:
        """When the first frame of each part is shown, as written."""
        rows = self._rows.execute(
            "SELECT first_s FROM work WHERE input = ? AND rank = ? ORDER BY number", (input_, PART)
        )
        return tuple(row[0] for row in rows)

    def state(self, input_: int) -> State:
        """State of an input."""
        found: State = self._rows.execute("SELECT state FROM inputs WHERE id = ?", (input_,)).fetchone()[0]
        return found

    def counts(self) -> dict[State, int]:
        """Inputs of every state."""
        found = dict(self._rows.execute("SELECT state, COUNT(*) FROM inputs GROUP BY state"))
        return {state: found.get(state, 0) for state in STATES}

    def has_pending(self) -> bool:
        """Whether any step could be begun."""
        return self._rows.execute("SELECT 1 FROM work WHERE state = 'pending' LIMIT 1").fetchone() is not None

    def lines(self) -> list[Line]:
        """All inputs, in the order in which they were added."""
        rows = self._rows.execute(LINES)
        names = [field.name for field in fields(Line)]
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [Line(**(row | {"look": dict(json.loads(row["look"]))})) for row in found]

    def samples(self) -> dict[int, bytes]:
        """The sample frames that there are, by input."""
        return dict(self._rows.execute("SELECT id, sample FROM inputs WHERE sample IS NOT NULL"))

    def ended(self) -> list[tuple[float, int, float]]:
        """Of every finished step: when it ended (seconds since 1970), its frames, and seconds it took."""
        return list(self._rows.execute(
            "SELECT ended_s, frames, seconds FROM work WHERE ended_s IS NOT NULL ORDER BY ended_s"
        ))  # fmt: skip

    def close(self) -> None:
        """Let go of the file."""
        with suppress(sqlite3.Error):
            self._rows.close()

    def __enter__(self: Reading) -> Reading:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Close; what SQLite raised meanwhile goes on as SinkError."""
        self.close()
        with said(self.folder):
            if isinstance(error, sqlite3.Error):
                raise error


class Transaction:
    """Statements that are kept together; nothing of them after an error."""

    def __init__(self, rows: sqlite3.Connection) -> None:
        self._rows = rows

    def __enter__(self) -> None:
        self._rows.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._rows.execute("COMMIT")
        elif self._rows.in_transaction:  # SQLite takes it back by itself where the disk is full
            self._rows.execute("ROLLBACK")


@contextmanager
def said(folder: Path) -> Iterator[None]:
    """Turn what SQLite raises about a folder's files into a SinkError."""
    try:
        yield
    except sqlite3.Error as error:
        raise SinkError(
            f"{folder / NAME} cannot be kept: {error}; make room, see who may write there, or name another --state"
        ) from error


def connect(folder: Path) -> sqlite3.Connection:
    """Open the file of a folder."""
    return sqlite3.connect(folder / NAME, timeout=BUSY_S, isolation_level=None)


def locked(folder: Path) -> sqlite3.Connection:
    """Hold the driver's lock, which the system lets go of when the process ends in any way; raises SinkError."""
    with said(folder):
        lock = sqlite3.connect(folder / LOCK, timeout=0, isolation_level=None)
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            lock.close()
            if "locked" not in str(error):
                raise
            raise SinkError(f"another run works on {folder.parent}; wait for its end, or end it") from error
        return lock
