"""One slot between a thread that grabs and one that takes: the newest wins, and errors travel with the data."""

from __future__ import annotations

import time
from threading import Condition
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Putting never blocks and replaces what nobody took; taking waits at most as long as it is told."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._item: Item | None = None
        self._error: Exception | None = None
        self._closed = False
        self.replaced = 0  # items that nobody took in time

    def put(self, item: Item) -> None:
        """Offer an item, in place of an older one."""
        with self._changed:
            self.replaced += self._item is not None
            self._item = item
            self._changed.notify_all()

    def fail(self, error: Exception) -> None:
        """Let every later look and take raise the error, once the last item is taken."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Let every waiting and later take return None."""
        with self._changed:
            self._closed = True
            self._item = None
            self._changed.notify_all()

    def take(self, timeout_s: float) -> Item | None:
        """The newest item, or None once closed; raises TimeoutError, or the error of the putting thread."""
        with self._changed:
            self._wait(timeout_s)
            item, self._item = self._item, None
            return item

    def look(self, timeout_s: float) -> Item | None:
        """As take, but leaves the item to be taken."""
        with self._changed:
            self._wait(timeout_s)
            return self._item

    def _wait(self, timeout_s: float) -> None:
        due = time.perf_counter() + timeout_s
        while self._item is None and not self._closed:
            if self._error is not None:
                raise self._error
            left = due - time.perf_counter()
            if left <= 0 or not self._changed.wait(left):
                raise TimeoutError(f"nothing came for {timeout_s:g} s")
