"""A day of a cluster, event by event: people come and go, machines are added, drained and lost.

What the gateway, the page and the autoscaler do is taken from their code: the least loaded machine first, a refused
offer again after the gateway's Retry-After, a lost session offered again once its worker counts as gone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from rimlight.benchmarks.scale_crowd import Arrivals
from rimlight.benchmarks.scale_machines import Machine, Machines
from rimlight.benchmarks.scale_rule import EVERY_S, Autoscaler, Rule
from rimlight.realtime.serve.cluster.placing import FULL_S
from rimlight.realtime.serve.cluster.registry import MUTE_S, OWED_S, REPORT_S

STILL_S, SPREAD_S = 0.25, 0.3  # the page's: between two looks for pictures; over which one machine's sessions come back
SAMPLE_EVERY = 20  # looks of the autoscaler


@dataclass(frozen=True, slots=True)
class Plant:
    """rule: of the autoscaler, None for as many machines as at the start, begin.

    delay_s: from the wish for a machine to its first session. lasts_s: mean life of a machine, None for ever.
    replace_s: from a loss to the wish for another machine. drain_s: for sessions of a machine that goes.
    connect_s: from an offer that is let in to the first picture. patience_s: of people who are refused.
    """

    rule: Rule | None = field(default_factory=Rule)
    begin: int = 2
    delay_s: float = 120.0
    lasts_s: float | None = 30 * 86400.0
    replace_s: float = 80.0
    drain_s: float = 3600.0
    connect_s: float = 1.0
    patience_s: float = 60.0


@dataclass(slots=True)
class Session:
    """kind of its video. place: where it is. left_s: when it wants to go, once it was let in.

    asked_s: since when it asks to be let in; None while it is.
    """

    kind: int
    stay_s: float
    asked_s: float | None
    place: int | None = None
    left_s: float | None = None


@dataclass(slots=True)
class Tally:
    """What happened. Every person is in one of: finished, rejected (never let in), lost (once let in, not again),
    running, waiting.
    """

    arrivals: int = 0
    finished: int = 0
    rejected: int = 0
    lost: int = 0
    running: int = 0
    waiting: int = 0
    refused_offers: int = 0
    failures: int = 0
    moved_by_failure: int = 0
    moved_by_drain: int = 0
    covered_s: float = 0.0
    waited_s: float = 0.0
    session_s: float = 0.0
    machine_s: float = 0.0
    overloaded_s: float = 0.0
    first_refused_s: float | None = None
    most_offers: int = 0
    most_machines: int = 0
    # s, and then: running, most that waited since the sample before, machines that are ready, all that are paid for
    samples: list[tuple[float, int, int, int, int]] = field(default_factory=list)


class Simulation:
    """To be made for one run. machines: empty yet. rng: of failures and of how the page's looks fall."""

    def __init__(self, plant: Plant, machines: Machines, arrivals: Arrivals, rng: np.random.Generator) -> None:
        self._plant, self._machines, self._rng = plant, machines, rng
        self._arrivals, self._sessions = arrivals, list[Session]()
        self._fleet: dict[int, Machine] = {}  # all that are paid for
        self._numbers, self._dead = 0, 0  # dead: lost machines that nobody has noticed yet
        self._scaler = Autoscaler(plant.rule, plant.begin) if plant.rule else None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order, self._now_s, self._looks = 0, 0.0, 0
        self._offers, self._most_waiting = (-1, 0), 0  # offers of this second; since the last sample
        self.tally = Tally()

    def run(self, end_s: float) -> Tally:
        """Everything up to that moment."""
        for _ in range(self._plant.begin):
            self._ready(self._order_machine())
        self._later(0.0, self._look)
        come_s, stays_s, kinds = (part.tolist() for part in (
            self._arrivals.at_s, self._arrivals.stay_s, self._arrivals.kind))  # fmt: skip
        for at_s, stay_s, kind in zip(come_s, stays_s, kinds, strict=True):
            if at_s > end_s:
                break
            self._until(at_s)
            self.tally.arrivals += 1
            self._sessions.append(Session(kind, stay_s, at_s))
            self._offer(len(self._sessions) - 1)
        self._until(end_s)
        self._finish()
        return self.tally

    def _until(self, end_s: float) -> None:
        while self._due and self._due[0][0] <= end_s:
            at_s, _, act = heapq.heappop(self._due)
            self._pass(at_s)
            act()
        self._pass(end_s)

    def _pass(self, at_s: float) -> None:
        taken_s = at_s - self._now_s
        self.tally.session_s += taken_s * self.tally.running
        self.tally.machine_s += taken_s * len(self._fleet)
        self._now_s = at_s

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._due, (self._now_s + delay_s, self._order, act))

    def _offer(self, number: int) -> None:
        """Somebody asks to be let in, for the first time or again."""
        session, tally = self._sessions[number], self.tally
        if session.asked_s is None:
            return  # has gone while waiting
        self._count_offer()
        place = self._machines.put(number, session.kind, self._now_s)
        if place is None:
            self._refused(number)
            return
        again = session.left_s is not None
        waited_s = self._now_s - session.asked_s
        if again:
            tally.covered_s += waited_s + self._plant.connect_s
            tally.waiting -= 1
        else:
            tally.waited_s += waited_s
            tally.waiting -= waited_s > 0
            session.left_s = self._now_s + session.stay_s
            self._later(session.stay_s, partial(self._leave, number))
        tally.running += 1
        session.place, session.asked_s = place, None

    def _refused(self, number: int) -> None:
        session, tally = self._sessions[number], self.tally
        assert session.asked_s is not None
        waited_s = self._now_s - session.asked_s
        tally.refused_offers += 1
        if tally.first_refused_s is None:
            tally.first_refused_s = self._now_s
        again = session.left_s is not None
        tally.waiting += waited_s == 0 and not again
        if waited_s + FULL_S <= self._plant.patience_s:
            self._later(FULL_S, partial(self._offer, number))
            return
        tally.waiting -= 1
        session.asked_s = None
        if again:
            tally.covered_s += waited_s
            tally.lost += 1
            session.left_s = None
        else:
            tally.rejected += 1

    def _leave(self, number: int) -> None:
        session = self._sessions[number]
        if session.place is not None:
            self._machines.take(number, session.kind, session.place, self._now_s)
            session.place = None
            self.tally.running -= 1
        elif session.asked_s is not None:
            self.tally.covered_s += self._now_s - session.asked_s
            self.tally.waiting -= 1
            session.asked_s = None
        else:
            return  # was lost before
        self.tally.finished += 1

    def _order_machine(self) -> Machine:
        self._numbers += 1
        machine = self._fleet[self._numbers] = Machine(self._numbers)
        self.tally.most_machines = max(self.tally.most_machines, len(self._fleet))
        return machine

    def _ready(self, machine: Machine) -> None:
        if machine.number not in self._fleet:
            return  # was not wanted any more
        if not self._machines.has_place:
            self._later(REPORT_S, partial(self._ready, machine))
            return
        self._machines.open(machine)
        if self._plant.lasts_s is not None:
            self._later(float(self._rng.exponential(self._plant.lasts_s)), partial(self._fail, machine))

    def _fail(self, machine: Machine) -> None:
        """It stops at once; gateways notice when it neither reports nor answers the pages that see no pictures."""
        if machine.number not in self._fleet:
            return
        del self._fleet[machine.number]
        self.tally.failures += 1
        if not machine.going:
            self._dead += 1
            self._later(self._plant.replace_s, self._noticed)
        people = self._machines.close(machine, self._now_s)
        self.tally.moved_by_failure += len(people)
        silent_s = MUTE_S - float(self._rng.uniform(0, REPORT_S))
        self._again(people, max(silent_s, STILL_S + OWED_S), STILL_S)

    def _noticed(self) -> None:
        self._dead -= 1
        if self._scaler is None:
            self._start()

    def _again(self, people: Sequence[int], noticed_s: float, look_s: float) -> None:
        """Their pages offer again."""
        waits_s = noticed_s + self._rng.uniform(0, look_s, len(people)) + self._rng.uniform(0, SPREAD_S, len(people))
        for number, wait_s in zip(people, waits_s.tolist(), strict=True):
            session = self._sessions[number]
            session.place, session.asked_s = None, self._now_s
            self.tally.running -= 1
            self.tally.waiting += 1
            self._later(wait_s, partial(self._offer, number))

    def _look(self) -> None:
        """The autoscaler's turn, and a sample of what it sees."""
        ready = [one for one in self._fleet.values() if one.place is not None and not one.going]
        if self._scaler is not None:
            wanted = self._scaler.look(self._now_s, self._machines.used(), len(ready))
            self._reach(wanted, ready)
        tally = self.tally
        self._most_waiting = max(self._most_waiting, tally.waiting)
        if self._looks % SAMPLE_EVERY == 0:
            tally.samples.append((self._now_s, tally.running, self._most_waiting, len(ready), len(self._fleet)))
            self._most_waiting = 0
        self._looks += 1
        self._end_empty()
        self._later(EVERY_S, self._look)

    def _reach(self, wanted: int, ready: Sequence[Machine]) -> None:
        """Start machines, or let the youngest go: those that are not ready first."""
        coming = [one for one in self._fleet.values() if one.place is None]
        for _ in range(wanted - len(ready) - len(coming) - self._dead):
            self._start()
        spare = len(ready) + len(coming) + self._dead - wanted
        for machine in [*coming[::-1], *ready[::-1]][: max(0, spare)]:
            if machine.place is None:
                del self._fleet[machine.number]
            else:
                self._machines.drain(machine)
                self._later(self._plant.drain_s, partial(self._cut, machine))

    def _start(self) -> None:
        machine = self._order_machine()
        self._later(self._plant.delay_s, partial(self._ready, machine))

    def _end_empty(self) -> None:
        for machine in [one for one in self._fleet.values() if one.going and one.place is not None]:
            if not self._machines.inside[machine.place]:  # type: ignore[index]
                self._cut(machine)

    def _cut(self, machine: Machine) -> None:
        """It ends, and who is still there goes elsewhere: its port is closed, so that one look tells."""
        if machine.number in self._fleet:
            del self._fleet[machine.number]
            people = self._machines.close(machine, self._now_s)
            self.tally.moved_by_drain += len(people)
            self._again(people, STILL_S, STILL_S)

    def _count_offer(self) -> None:
        second, count = self._offers
        self._offers = (int(self._now_s), count + 1 if second == int(self._now_s) else 1)
        self.tally.most_offers = max(self.tally.most_offers, self._offers[1])

    def _finish(self) -> None:
        self._machines.finish(self._now_s)
        self.tally.overloaded_s = self._machines.overloaded_s
        for session in self._sessions:
            if session.asked_s is not None and session.left_s is not None:
                self.tally.covered_s += self._now_s - session.asked_s
