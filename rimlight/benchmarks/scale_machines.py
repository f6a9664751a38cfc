"""The machines of a simulated cluster: what each has to do, who is on it, and what all of them cost.

Machines have places in arrays, which are used again, so that the least loaded of a thousand is found at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rimlight.realtime.serve.capacity import HEADROOM, MOST_STREAMS, Costs, Demand


@dataclass(slots=True)
class Machine:
    """place: in the arrays, once it is ready. going: it takes nobody any more."""

    number: int
    place: int | None = None
    going: bool = False


class Machines:
    """Machines that are all alike: processors each, and a frame costs what was measured.

    shares: processors that a session of each kind keeps busy. usual: what one is taken for before it has come.
    """

    def __init__(self, costs: Costs, processors: float, kinds: Sequence[Demand], usual: Demand, most: int) -> None:
        self.processors = processors
        self.shares = [costs.share(one) for one in kinds]
        self.usual = costs.share(usual)
        self.limit = HEADROOM * processors
        self._free = list(range(most))[::-1]
        self._rank = np.full(most, np.inf)  # load in processors; infinite where nobody can go
        self._load, self._count = np.zeros(most), np.zeros(most, np.int64)
        self._open = np.zeros(most, bool)
        self.inside: list[set[int]] = [set() for _ in range(most)]
        self.overloaded_s = 0.0  # session-seconds on machines that were asked for more than they have
        self._since_s = [0.0] * most

    @property
    def has_place(self) -> bool:
        """Whether gateways would take one more; they hold no more than so many."""
        return bool(self._free)

    def open(self, machine: Machine) -> None:
        """It takes sessions from now on."""
        place = machine.place = self._free.pop()
        self._rank[place] = self._load[place] = 0.0
        self._open[place] = True

    def drain(self, machine: Machine) -> None:
        """It takes nobody new."""
        assert machine.place is not None
        machine.going = True
        self._rank[machine.place], self._open[machine.place] = np.inf, False

    def close(self, machine: Machine, now_s: float) -> list[int]:
        """It is gone; gives those who were there, in the order of their numbers."""
        place = machine.place
        assert place is not None
        self._account(place, now_s)
        people = sorted(self.inside[place])
        self.inside[place].clear()
        self._rank[place], self._open[place], self._load[place], self._count[place] = np.inf, False, 0.0, 0
        self._free.append(place)
        machine.place = None
        return people

    def put(self, session: int, kind: int, now_s: float) -> int | None:
        """The place of the least loaded machine, if it lets one more in: as Capacity.admits."""
        place = int(self._rank.argmin())
        rank = float(self._rank[place])
        if rank == np.inf or (self._count[place] and rank + self.usual > self.limit):
            return None
        self._change(place, self.shares[kind], 1, now_s)
        self.inside[place].add(session)
        return place

    def take(self, session: int, kind: int, place: int, now_s: float) -> None:
        """It has gone."""
        self.inside[place].remove(session)
        self._change(place, -self.shares[kind], -1, now_s)

    def used(self) -> float:
        """What rimlight_gateway_used says: share of the room that is taken, 1 where there is no machine."""
        count, load = self._count[self._open], self._load[self._open]
        fit = np.floor((self.limit - load) / self.usual + 1e-9)
        room = np.minimum(np.maximum(fit, count == 0), np.maximum(0, MOST_STREAMS - count)).clip(0)
        whole = count.sum() + room.sum()
        return float(count.sum() / whole) if whole else 1.0

    def finish(self, now_s: float) -> None:
        """Account for what runs still."""
        for place in range(len(self._load)):
            self._account(place, now_s)

    def _change(self, place: int, more: float, people: int, now_s: float) -> None:
        self._account(place, now_s)
        self._load[place] += more
        self._count[place] += people
        if self._open[place]:
            full = self._count[place] >= MOST_STREAMS
            self._rank[place] = np.inf if full else self._load[place]

    def _account(self, place: int, now_s: float) -> None:
        if self._load[place] > self.processors:
            self.overloaded_s += float(self._count[place]) * (now_s - self._since_s[place])
        self._since_s[place] = now_s
