"""What a batch knows, in one SQLite file: every input, every step of it, and how each ended.

One process writes, the driver, and holds a lock that goes when it does, however it ends; others may read meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.batch.items import Film, Outcome
from rimlight.batch.places import Asked
from rimlight.batch.readings import LOCK, NAME, Readings, Transaction, connect, locked, said
from rimlight.batch.storage import Stamp
from rimlight.batch.tables import (
    BEGIN,
    JOIN,
    PART,
    SCHEMA,
    State,
    Step,
    film_of,
    film_text,
    share_of,
    share_text,
)  # fmt: skip
from rimlight.errors import SinkError
from rimlight.realtime.jobs import Share

NEXT = f"""
    SELECT work.input, rank, number, source, out, size, mark, look, film, share FROM work
    JOIN inputs ON inputs.id = work.input
    WHERE work.state = 'pending' AND (worker = ? OR rank = {BEGIN})
    ORDER BY rank, work.tries, work.input, number LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Added:
    """How many of the files that were asked for are new, were known, and were changed since."""

    new: int
    known: int
    changed: int


class Manifest(Readings):
    """A batch's memory as its one driver writes it, in a folder that is made; a context manager.

    clock: seconds since 1970. Raises SinkError where another driver runs or it cannot be written.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._clock = clock
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(f"{folder} cannot be made: {error.strerror}; choose another --out") from error
        self._lock = locked(folder)
        try:
            with said(folder):
                self._rows = connect(folder)
                self._rows.execute("PRAGMA journal_mode = WAL")
                self._rows.execute("PRAGMA synchronous = NORMAL")
                self._rows.executescript(SCHEMA)
        except SinkError:
            self._lock.close()
            raise

    def close(self) -> None:
        super().close()
        self._lock.close()

    def remove(self) -> None:
        """Close it and remove its files, and the folders that hold nothing else."""
        self.close()
        for path in (*self.folder.glob(f"{NAME}*"), *self.folder.glob(f"{LOCK}*")):
            path.unlink()
        with suppress(OSError):  # there are other files
            self.folder.rmdir()
            self.folder.parent.rmdir()

    def settle(self, settings: dict[str, Any]) -> None:
        """Keep the settings; raises SinkError that names what differs where the batch was begun with others."""
        known = self.settings()
        differing = [
            f"{name} was {known[name]} and now is {value}"
            for name, value in settings.items()
            if name in known and known[name] != value
        ]
        if differing:
            raise SinkError(
                f"the batch was begun with other options: {', '.join(differing)};"
                " give the same, or another --out, or --restart to begin anew"
            )
        for name, value in settings.items():
            self.keep(name, value)

    def keep(self, name: str, value: Any) -> None:
        """Keep one setting, whatever it was."""
        self._rows.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

    def clear(self) -> None:
        """Forget everything."""
        with self._all_or_nothing():
            for table in ("settings", "work", "inputs"):
                self._rows.execute(f"DELETE FROM {table}")

    def begin_anew(self, asked: Iterable[Asked]) -> None:
        """Let files that are on the list be matted once more, from the beginning."""
        with self._all_or_nothing():
            for one in asked:
                row = self._rows.execute("SELECT id FROM inputs WHERE source = ?", (one.source,)).fetchone()
                self._begin_anew(row[0], one)

    def add(self, asked: Iterable[Asked]) -> Added:
        """Put files on the list; those that were changed since begin anew. Raises SinkError for a taken output."""
        new = known = changed = 0
        with self._all_or_nothing():
            for one in asked:
                found = self._rows.execute(
                    "SELECT id, size, mark, out, look FROM inputs WHERE source = ?", (one.source,)
                ).fetchone()
                if found is None:
                    self._insert(one)
                    new += 1
                elif not one.stamp.agrees(Stamp(found[1], found[2])):
                    self._begin_anew(found[0], one)
                    changed += 1
                elif (found[3], found[4]) != (one.out, json.dumps(one.look)):
                    raise SinkError(
                        f"{one.source} was to be {found[3]} with the options {found[4]}, and now {one.out} with"
                        f" {json.dumps(one.look)}; name it as before, or give another --out, or --restart"
                    )
                else:
                    known += 1
        return Added(new, known, changed)

    def recover(self) -> int:
        """Put back what ran when the driver before ended; returns how many steps that were."""
        with self._all_or_nothing():
            self._rows.execute("UPDATE inputs SET state = 'pending' WHERE state = 'running'")
            return self._rows.execute("UPDATE work SET state = 'pending' WHERE state = 'running'").rowcount

    def next(self, worker: str) -> Step | None:
        """The step to be done next by a worker of that kind, which now runs; what was split stays with one kind."""
        with self._all_or_nothing():
            row = self._rows.execute(NEXT, (worker,)).fetchone()
            if row is None:
                return None
            self._rows.execute(
                "UPDATE work SET state = 'running' WHERE input = ? AND rank = ? AND number = ?", row[:3]
            )  # fmt: skip
            self._rows.execute("UPDATE inputs SET state = 'running', worker = ? WHERE id = ?", (worker, row[0]))
        input_, rank, number, source, out, size, mark, look, film, share = row
        stamp = Stamp(size, mark)
        return Step(
            input_, rank, number, source, out, stamp, dict(json.loads(look)), film_of(film), share_of(share)
        )  # fmt: skip

    def done(self, step: Step, found: Outcome) -> State:
        """A step is done; returns the state of its input, which is done with the last one."""
        now_s = self._clock()
        with self._all_or_nothing():
            self._rows.execute(
                "UPDATE work SET state = 'done', first_s = ?, frames = ?, seconds = ?, ended_s = ?"
                " WHERE input = ? AND rank = ? AND number = ?",
                (found.first_s, found.frames, found.seconds, now_s, step.input, step.rank, step.number),
            )
            if found.device:
                self._rows.execute("UPDATE inputs SET device = ? WHERE id = ?", (found.device, step.input))
            self._note(step.input, found.notes)
            if found.shares and found.film:
                self._split(step.input, found.film, found.shares)
            if found.digest:
                self._rows.execute(
                    "UPDATE inputs SET state = 'done', reason = '', digest = ?, sample = ?, ended_s = ? WHERE id = ?",
                    (found.digest, found.sample, now_s, step.input),
                )
            elif self.state(step.input) == "running":
                self._make_ready(step.input)
        return self.state(step.input)

    def failed(self, step: Step, reason: str, most_tries: int, *, final: bool) -> State:
        """A step failed: it is tried again later, or its input given up; returns the input's state."""
        with self._all_or_nothing():
            key = (step.input, step.rank, step.number)
            self._rows.execute(
                "UPDATE work SET state = 'pending', tries = tries + 1 WHERE input = ? AND rank = ? AND number = ?", key
            )
            self._rows.execute("UPDATE inputs SET tries = tries + 1, reason = ? WHERE id = ?", (reason, step.input))
            tries = self._rows.execute(
                "SELECT tries FROM work WHERE input = ? AND rank = ? AND number = ?", key
            ).fetchone()[0]
            before = self.state(step.input)
            if before in ("failed", "quarantined"):  # by another of its steps, meanwhile
                self._give_up(step.input, before)
            elif final or tries >= most_tries:
                self._give_up(step.input, "failed" if final else "quarantined")
        return self.state(step.input)

    def retry(self, states: Sequence[State] = ("failed", "quarantined")) -> int:
        """Put inputs of those states back on the list with their tries forgotten.

        Parts that are done stay so, unless they could not be joined.
        """
        ids = [
            row[0] for state in states for row in self._rows.execute("SELECT id FROM inputs WHERE state = ?", (state,))
        ]
        with self._all_or_nothing():
            for id_ in ids:
                self._rows.execute("UPDATE inputs SET state = 'pending', tries = 0 WHERE id = ?", (id_,))
                self._forget_unjoined(id_)
                self._rows.execute(
                    "UPDATE work SET state = 'pending', tries = 0 WHERE input = ? AND state = 'held'", (id_,)
                )
                self._make_ready(id_)
        return len(ids)

    def _insert(self, one: Asked) -> None:
        try:
            row = self._rows.execute(
                "INSERT INTO inputs (source, out, size, mark, look) VALUES (?, ?, ?, ?, ?)",
                (one.source, one.out, one.stamp.size, one.stamp.mark, json.dumps(one.look)),
            )
        except sqlite3.IntegrityError as error:
            raise SinkError(f"{one.out} is the output of another file of this batch; give another --out") from error
        self._begin(row.lastrowid)

    def _begin(self, input_: int | None) -> None:
        self._rows.execute(
            "INSERT INTO work (input, rank, number, state) VALUES (?, ?, 0, 'pending')", (input_, BEGIN)
        )  # fmt: skip

    def _begin_anew(self, input_: int, one: Asked) -> None:
        self._rows.execute("DELETE FROM work WHERE input = ?", (input_,))
        self._rows.execute(
            "UPDATE inputs SET size = ?, mark = ?, state = 'pending', reason = '', tries = 0, worker = NULL,"
            " film = NULL, count = NULL, digest = '', notes = '', sample = NULL, ended_s = NULL WHERE id = ?",
            (one.stamp.size, one.stamp.mark, input_),
        )
        self._begin(input_)

    def _split(self, input_: int, film: Film, shares: Sequence[Share]) -> None:
        count = sum(len(share.own) for share in shares)
        self._rows.execute("UPDATE inputs SET film = ?, count = ? WHERE id = ?", (film_text(film), count, input_))
        rows = [(input_, PART, number, "pending", share_text(share)) for number, share in enumerate(shares)]
        rows.append((input_, JOIN, 0, "waiting", None))  # type: ignore[arg-type]
        self._rows.executemany("INSERT INTO work (input, rank, number, state, share) VALUES (?, ?, ?, ?, ?)", rows)

    def _make_ready(self, input_: int) -> None:
        """Let the join be done once all parts are."""
        self._rows.execute(
            "UPDATE work SET state = 'pending' WHERE input = :input AND rank = :join AND state = 'waiting'"
            " AND NOT EXISTS (SELECT 1 FROM work WHERE input = :input AND rank = :part AND state <> 'done')",
            {"input": input_, "join": JOIN, "part": PART},
        )

    def _forget_unjoined(self, input_: int) -> None:
        """Begin an input anew whose parts are there and yet could not be joined."""
        held = "SELECT 1 FROM work WHERE input = ? AND rank = ? AND state = 'held'"
        if self._rows.execute(held, (input_, JOIN)).fetchone():
            self._rows.execute("DELETE FROM work WHERE input = ?", (input_,))
            self._begin(input_)

    def _give_up(self, input_: int, state: State) -> None:
        self._rows.execute(
            "UPDATE work SET state = 'held' WHERE input = ? AND state IN ('pending', 'running')", (input_,)
        )  # fmt: skip
        self._rows.execute("UPDATE inputs SET state = ?, ended_s = ? WHERE id = ?", (state, self._clock(), input_))

    def _note(self, input_: int, notes: Sequence[str]) -> None:
        for note in notes:
            self._rows.execute(
                "UPDATE inputs SET notes = notes || ? || char(10) WHERE id = ? AND instr(notes, ?) = 0",
                (note, input_, note),
            )

    def _all_or_nothing(self) -> Transaction:
        return Transaction(self._rows)
