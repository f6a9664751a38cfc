"""How many streams one call of an engine takes: a fixed number, or a range with the number to be fastest at."""

from __future__ import annotations

from dataclasses import dataclass

from rimlight.errors import FrameError

MOST = 1024


@dataclass(frozen=True, slots=True)
class Streams:
    """least, most: of a call. best: the number that is tuned for. Raises FrameError if they are out of order."""

    least: int = 1
    best: int = 1
    most: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.best <= self.most <= MOST:
            raise FrameError(f"expected 1 <= least <= best <= most <= {MOST} streams of a call, got {self}")

    @classmethod
    def fixed(cls, count: int) -> Streams:
        """That many streams in every call."""
        return cls(count, count, count)

    @classmethod
    def parse(cls, text: str) -> Streams:
        """Read "N" or "LEAST:BEST:MOST"; raises FrameError for anything else."""
        words = text.split(":")
        if len(words) not in (1, 3) or not all(word.isascii() and word.isdigit() for word in words):
            raise FrameError(f"expected streams as N or LEAST:BEST:MOST, such as 1:4:8, got {text!r}")
        counts = [int(word) for word in words]
        return cls.fixed(counts[0]) if len(counts) == 1 else cls(*counts)

    @property
    def is_fixed(self) -> bool:
        return self.least == self.most

    def __str__(self) -> str:
        return str(self.most) if self.is_fixed else f"{self.least}:{self.best}:{self.most}"
