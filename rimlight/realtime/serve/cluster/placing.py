"""Which worker a request goes to: a new session to the least loaded with room, all else to where its session is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from rimlight.realtime.serve.cluster.forward import Answer, Messenger, Question, UnreachableError
from rimlight.realtime.serve.cluster.names import worker_of
from rimlight.realtime.serve.cluster.registry import Registry, Worker
from rimlight.realtime.serve.refusals import RefusedError

log = logging.getLogger(__name__)

OFFER_S = 5.0  # for one worker's answer to an offer
OFFERS_S = 9.0  # for all that are asked in turn; clients wait ten
MOST_ASKED = 5
FULL_S, EMPTY_S, FAILED_S = 5, 2, 1  # Retry-After
LOOK_S = 0.1  # between two looks for what is to be learned

Found = TypeVar("Found")


class Gateway:
    """Hands questions to workers and says what it found out about them to the registry."""

    def __init__(self, registry: Registry, messenger: Messenger) -> None:
        self.registry, self._messenger = registry, messenger

    async def place(self, offer: Question, stream: str | None = None) -> Answer:
        """A new session, under a name of the client's choice or none. Raises RefusedError where nobody takes it."""
        await self._learned(self.registry.candidates)
        taken = self.registry.publisher(stream) if stream else None
        others = [one for one in self.registry.candidates() if one is not taken]
        until_s = _now_s() + OFFERS_S
        for worker in [*([taken] if taken else []), *others][:MOST_ASKED]:
            within_s = min(OFFER_S, until_s - _now_s())
            answer = await self._offered(worker, replace(offer, within_s=within_s)) if within_s > 0 else None
            if answer is not None:
                self._placed(worker, answer, stream)
                return answer
            if worker is taken and self.registry.find(worker.report.name):
                break  # it has that name and is there: nobody else may take it
        self.registry.events["rejected"] += 1
        if any(True for _ in self.registry):
            raise RefusedError(503, "all workers are full; try again in a moment", FULL_S)
        raise RefusedError(503, "there is no worker at the moment; try again", EMPTY_S)

    async def owner(self, key: str, question: Question) -> Answer:
        """Ask the worker that has a session. Raises RefusedError: 410 where that worker is gone, so offer again."""
        name = worker_of(key)
        if name is None:
            raise RefusedError(404, "there is no such session; it may have ended")
        worker = await self._learned(lambda: self.registry.find(name))
        answer = await self._asked(worker, question) if worker else None
        if answer is not None:
            return answer
        self.registry.events["told to offer again"] += question.method == "GET"
        raise RefusedError(410, "the worker of this session is gone; offer again")

    async def publisher(self, stream: str, question: Question) -> Answer:
        """Ask the worker where a video of that name is published. Raises RefusedError."""
        worker = await self._learned(lambda: self.registry.publisher(stream))
        answer = await self._asked(worker, question) if worker else None
        if answer is not None:
            return answer
        raise RefusedError(404, f"nobody publishes under the name {stream}")

    async def anyone(self, question: Question) -> Answer:
        """Ask any worker: all answer the same. Raises RefusedError."""
        for worker in (await self._learned(lambda: _best_first(self.registry)))[:MOST_ASKED]:
            answer = await self._tried(worker, question)
            if answer is not None:
                return answer
        raise RefusedError(503, "there is no worker at the moment; try again", EMPTY_S)

    def _placed(self, worker: Worker, answer: Answer, stream: str | None) -> None:
        if answer.status == 201:
            self.registry.events["opened"] += 1
            if stream:
                self.registry.note(worker.report.name, stream)

    async def _offered(self, worker: Worker, offer: Question) -> Answer | None:
        """A worker's answer to an offer, None where another one is to be asked."""
        worker.placed += 1  # before the answer: others ask meanwhile
        answer = await self._tried(worker, offer)
        if answer is None:
            return None
        if answer.status != 201:
            worker.placed -= 1
        if answer.status == 503:
            worker.placed += worker.room  # until it says otherwise
            return None
        return answer

    async def _tried(self, worker: Worker, question: Question) -> Answer | None:
        """A worker's answer, None where it gives none."""
        try:
            return await self._ask(worker, question)
        except UnreachableError as error:
            self._failed(worker, error)
            return None

    async def _asked(self, worker: Worker, question: Question) -> Answer | None:
        """A worker's answer, None where it is gone. Raises RefusedError where it gives none."""
        try:
            return await self._ask(worker, question)
        except UnreachableError as error:
            self._failed(worker, error)
            if error.gone:
                return None
            raise RefusedError(503, f"{error}; try again", FAILED_S) from error

    async def _ask(self, worker: Worker, question: Question) -> Answer:
        """A worker's answer; one that falls silent is not waited for. Raises UnreachableError."""
        begun_s, name = _now_s(), worker.report.name
        asking = asyncio.ensure_future(self._messenger.ask(worker.report.url, question))
        try:
            while not (await asyncio.wait({asking}, timeout=LOOK_S))[0]:
                if self.registry.gone(name, _now_s() - begun_s):
                    raise UnreachableError("the worker has fallen silent", gone=True)
            answer = asking.result()
            self.registry.answered(name, well=True)
            return answer
        finally:
            asking.cancel()

    def _failed(self, worker: Worker, error: UnreachableError) -> None:
        self.registry.events["worker failed"] += 1
        self.registry.answered(worker.report.name, well=False)
        log.warning("a worker failed", extra={"fields": {"worker": worker.report.name, "reason": str(error)}})
        if error.gone:
            self.registry.lose(worker)

    async def _learned(self, known: Callable[[], Found]) -> Found:
        """What is known; a gateway that has just started waits for it, as long as there may be unheard workers."""
        while not (found := known()) and self.registry.learning:
            await asyncio.sleep(LOOK_S)
        return found


def _best_first(workers: Iterable[Worker]) -> list[Worker]:
    return sorted(workers, key=lambda one: (one.report.draining, one.rank))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
