"""The workers that a gateway knows of. All of it is what workers said in the last seconds: nothing is kept elsewhere.

A gateway that was started again knows all workers after a second, and until it can know them it says so.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rimlight.realtime.serve.cluster.report import Report
from rimlight.realtime.serve.refusals import RefusedError

log = logging.getLogger(__name__)

REPORT_S = 1.0  # between two reports of a worker
SILENT_S = 2.2  # after which a worker counts as gone: one report may be lost or late
MUTE_S, OWED_S = 1.5, 0.8  # the same where it owes an answer too, for so long
NOTED_S = 2 * REPORT_S  # for which a name is remembered that the reports do not tell
MOST_WORKERS = 1000
AGAIN_S = 5  # until one worker too many may ask again


@dataclass(slots=True)
class Worker:
    """What a worker said last, and what it was given since: placed sessions, names and when they were taken.

    failed: it did not answer when it was asked last, though it reports.
    """

    report: Report
    heard_s: float
    placed: int = 0
    named: dict[str, float] = field(default_factory=dict)
    failed: bool = False

    @property
    def room(self) -> int:
        """Usual sessions that it would take now."""
        return 0 if self.report.draining else max(0, self.report.room - self.placed)

    @property
    def rank(self) -> tuple[bool, float, int, str]:
        """The lowest is to be asked first: the least loaded of those that answer."""
        report = self.report
        return self.failed, report.load + self.placed * report.one, report.sessions + self.placed, report.name

    @property
    def state(self) -> str:
        """ready, full, draining, or failing: it reports, and gives no answer."""
        if self.report.draining:
            return "draining"
        if self.failed:
            return "failing"
        return "ready" if self.room else "full"


class Registry:
    """Workers by name. clock: seconds that never go back. Belongs to one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.events = Counter[str]()
        self._clock, self._began_s = clock, clock()
        self._workers: dict[str, Worker] = {}

    def __iter__(self) -> Iterator[Worker]:
        """All that were heard lately."""
        self._drop_silent()
        return iter(list(self._workers.values()))

    @property
    def learning(self) -> bool:
        """Whether it has run for so short a time that there may be workers that it has not heard yet."""
        return self._clock() - self._began_s < SILENT_S

    def hear(self, report: Report) -> None:
        """Take a worker's report. Raises RefusedError for a name or an address that another one has, and for one worker
        too many.
        """
        known = self.find(report.name)
        if known is None:
            if any(one.report.url == report.url for one in self):
                raise RefusedError(409, "another worker has this address, or had it until a moment ago")
            if len(self._workers) >= MOST_WORKERS:
                raise RefusedError(503, f"expected at most {MOST_WORKERS} workers at a gateway", AGAIN_S)
            self._tell("worker came", report.name)
        elif known.report.url != report.url:
            raise RefusedError(409, "another worker has this name; take a new one")
        now = self._clock()
        named = {name: noted_s for name, noted_s in (known.named if known else {}).items() if now - noted_s < NOTED_S}
        self._workers[report.name] = Worker(report, now, named=named, failed=known.failed if known else False)

    def note(self, name: str, stream: str) -> None:
        """A video is published at the worker of that name; its next report may be from before."""
        worker = self.find(name)
        if worker is not None:
            worker.named[stream] = self._clock()

    def answered(self, name: str, *, well: bool) -> None:
        """Whether the worker of that name gave an answer when it was asked."""
        worker = self._workers.get(name)
        if worker is not None:
            worker.failed = not well

    def gone(self, name: str, owed_s: float) -> bool:
        """Whether a worker that owes an answer for so long is not to be waited for any longer."""
        worker = self.find(name)
        return worker is None or (owed_s > OWED_S and self._clock() - worker.heard_s > MUTE_S)

    def find(self, name: str) -> Worker | None:
        """The worker of that name, if it was heard lately."""
        worker = self._workers.get(name)
        return worker if worker is None or self._heard(worker) else None

    def publisher(self, stream: str) -> Worker | None:
        """Where a video of that name is published; of several the first by name, so that all gateways say the same."""
        found = [one for one in self if stream in one.named or stream in one.report.names]
        return min(found, key=lambda one: one.report.name, default=None)

    def candidates(self) -> list[Worker]:
        """Who has room for one more, the least loaded first."""
        return sorted((one for one in self if one.room), key=lambda one: one.rank)

    def lose(self, worker: Worker) -> None:
        """Its port is closed: forget it until it says something again."""
        if self._workers.get(worker.report.name) is worker:
            del self._workers[worker.report.name]
            self._tell("worker lost", worker.report.name)

    def _drop_silent(self) -> None:
        for worker in list(self._workers.values()):
            self._heard(worker)

    def _heard(self, worker: Worker) -> bool:
        """Whether it was heard lately; one that was not is forgotten."""
        if self._clock() - worker.heard_s <= SILENT_S:
            return True
        del self._workers[worker.report.name]
        self._tell("worker silent", worker.report.name)
        return False

    def _tell(self, event: str, name: str) -> None:
        self.events[event] += 1
        log.info(event, extra={"fields": {"worker": name}})
