"""Whether there is memory for one more worker at work, from what the workers took so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rimlight.batch.memory import free_bytes

MIB = 1 << 20
FIRST_BYTES = 512 * MIB  # what a worker is thought to take, as long as none has told
SPARE_BYTES = 256 * MIB  # that are left to all other programs


class Room:
    """Admits work as long as everyone at work may grow to the most that any took; one at work is always admitted.

    free: memory that may still be taken, None where that cannot be told: then all is admitted.
    """

    def __init__(self, free: Callable[[], int | None] = free_bytes) -> None:
        self._free = free
        self._most = FIRST_BYTES

    def learn(self, peak_bytes: int) -> None:
        """A worker took so much."""
        self._most = max(self._most, peak_bytes)

    def admits(self, at_work: Iterable[int], has: int = 0) -> bool:
        """Whether one more may begin; at_work: bytes that each at work has now; has: bytes of the one that would."""
        at_work = list(at_work)
        free = self._free()
        if free is None or not at_work:
            return True
        promised = sum(max(0, self._most - held) for held in (*at_work, has))
        return free - promised >= SPARE_BYTES
