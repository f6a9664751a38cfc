"""The log of a run: one line of CSV a step, on disk at once, cut back when steps are made again."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from rimlight.errors import TrainingError
from rimlight.training.task import NAMES

RATES = ("lr_encoder", "lr_rest", "lr_refiner")
FIRST = ("step", "stage", "total")
LAST = (*RATES, "grad_norm", "seconds", "images_per_s")
TEXTS = ("stage",)  # all others are numbers


class Log:
    """Appends rows to a file; a context manager.

    losses: names of the columns between FIRST and LAST. kept_bytes: length of what is kept of an older file, of which
    the rest is cut off; 0 begins anew, as does a file that is not there, since a checkpoint may have travelled alone.
    Raises TrainingError if the file cannot be written, or is shorter than that.
    """

    def __init__(self, path: Path, kept_bytes: int = 0, losses: Sequence[str] = NAMES) -> None:
        self._path, self._columns = path, (*FIRST, *losses, *LAST)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            kept_bytes = kept_bytes if path.exists() else 0
            if kept_bytes and (size := path.stat().st_size) < kept_bytes:
                raise TrainingError(
                    f"{path} has {size} bytes where its checkpoint saw {kept_bytes}; copy it again, or remove it"
                )
            self._file = path.open("r+b" if kept_bytes else "wb")
        except OSError as error:
            raise _unwritable(path, error) from error
        self._file.seek(kept_bytes)
        self._file.truncate()
        if not kept_bytes:
            self._write(self._columns)

    @property
    def bytes(self) -> int:
        """Length so far."""
        return self._file.tell()

    def add(self, row: Mapping[str, float | str]) -> None:
        """Write a row of values by column; a loss that a stage does not have stays empty."""
        self._write([_text(row[name]) if name in row else "" for name in self._columns])

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _write(self, values: tuple[str, ...] | list[str]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        try:
            self._file.write(line.getvalue().encode())
            self._file.flush()
        except OSError as error:
            raise _unwritable(self._path, error) from error


def read(path: Path) -> dict[str, list[float | str | None]]:
    """The columns of a log, None where a row has no value; raises TrainingError if it is no log."""
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError) as error:
        raise TrainingError(f"cannot read the log {path}: {error}") from error
    names = tuple(rows[0]) if rows else ()
    if names[: len(FIRST)] != FIRST or names[-len(LAST) :] != LAST:
        raise TrainingError(
            f"expected rows of {', '.join(FIRST)}, losses … {', '.join(LAST)} in {path}, got {list(names) or 'none'}"
        )
    return {name: [_value(name, row[name]) for row in rows] for name in names}


def losses_in(columns: Mapping[str, list[float | str | None]]) -> list[str]:
    """Names of the losses that a log has columns for."""
    return [name for name in columns if name not in (*FIRST, *LAST)]


def numbers(columns: Mapping[str, list[float | str | None]], name: str) -> list[float]:
    """A column of numbers, nan where it has none."""
    return [value if isinstance(value, float) else float("nan") for value in columns[name]]


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.9g}"  # all digits of a float32


def _value(name: str, text: str | None) -> float | str | None:
    if not text or name in TEXTS:
        return text or None
    return float(text)


def _unwritable(path: Path, error: OSError) -> TrainingError:
    return TrainingError(f"cannot write {path}: {error.strerror or error}; choose another --out")
