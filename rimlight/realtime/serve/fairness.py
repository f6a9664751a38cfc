"""Whose turn it is: every stream gets the same share of the machine's time, however large its pictures are.

Start-time fair queueing (Goyal, Vin, Cheng 1996, section 2): each stream has an account of the seconds it was served,
and the one with the least comes first. Who was idle begins where the others are, so that nobody saves up turns.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Turns(Generic[Key]):
    """Accounts of service; belongs to one thread."""

    def __init__(self) -> None:
        self._used_s: dict[Key, float] = {}
        self._now_s = 0.0  # the account of the stream that was served last, when its turn began

    def order(self, ready: Iterable[Key]) -> list[Key]:
        """Those that are ready, the least served first; equals stay in the order they come."""
        ready = list(ready)
        for key in ready:
            self._used_s[key] = max(self._used_s.get(key, self._now_s), self._now_s)
        return sorted(ready, key=self._used_s.__getitem__)

    def charge(self, keys: Iterable[Key], seconds: float) -> None:
        """Note that these were served together; each pays its part of the seconds."""
        keys = list(keys)
        began_s = [self._used_s.get(key, self._now_s) for key in keys]
        self._now_s = max(self._now_s, *began_s)
        for key, before_s in zip(keys, began_s, strict=True):
            self._used_s[key] = before_s + seconds / len(keys)

    def forget(self, key: Key) -> None:
        """The stream is gone."""
        self._used_s.pop(key, None)
