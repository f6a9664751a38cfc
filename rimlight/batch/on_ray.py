"""Workers as tasks of a Ray cluster, with the same items and so the same outputs; needs the extra "ray".

Tasks, not Ray Data: an item reads a file and writes a file, so there are no rows to stream between operators; and not
actors: a worker keeps nothing between items. Ray does not try again by itself, since the manifest counts tries.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from rimlight.batch.items import Failed, Item, Outcome, attempt
from rimlight.batch.pool import News, parse_workers
from rimlight.errors import BackendError, MissingExtraError
from rimlight.kernels.parallel import limit_threads

AHEAD = 2  # tasks in hand for every worker, so that none waits for the driver
GIB = 1 << 30
ANSWER_S = 10.0


@dataclass(slots=True)
class RayPool:
    """A cluster's workers.

    address: "auto", HOST:PORT, ray://…, or "local" for one of this process alone; asked: as parse_workers reads it.
    threads: processors of each. memory_gib: memory that each is given, so that Ray begins no more than fit. Paths must
    mean the same files on all nodes. Raises MissingExtraError, BackendError where there is no cluster.
    """

    address: str
    asked: str
    device: str
    threads: int
    memory_gib: float
    workers: Mapping[str, int] = field(init=False)
    _ray: Any = field(init=False)
    _task: Any = field(init=False)
    _tickets: dict[Any, tuple[int, str]] = field(default_factory=dict)  # and the worker's kind, by reference

    def __post_init__(self) -> None:
        try:
            import ray as found
        except ImportError as error:
            raise MissingExtraError("--ray", "ray", "ray") from error
        _check_reachable(self.address)
        self._ray = ray = cast(Any, found)
        try:
            ray.init(address=self.address, log_to_driver=False, logging_level=logging.ERROR, ignore_reinit_error=True)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise BackendError(f"no Ray cluster at {self.address}: {error}; begin one: ray start --head") from error
        usual = int(ray.cluster_resources().get("CPU", 1)) // self.threads
        self.workers = parse_workers(self.asked, self.device, usual)
        self._task = ray.remote(perform)

    def takes(self, worker: str) -> bool:
        in_hand = sum(kind == worker for _, kind in self._tickets.values())
        return in_hand < AHEAD * self.workers[worker]

    def give(self, worker: str, ticket: int, item: Item) -> None:
        task = self._task.options(
            num_cpus=self.threads, num_gpus=0 if worker.partition(".")[0] == "cpu" else 1, max_retries=0,
            memory=int(self.memory_gib * GIB),
        )  # fmt: skip
        self._tickets[task.remote(item, self.threads)] = ticket, worker

    def news(self, wait_s: float) -> Iterator[tuple[int, News]]:
        if not self._tickets:
            return
        ready, _ = self._ray.wait(list(self._tickets), num_returns=1, timeout=wait_s)
        for reference in ready:
            ticket, _ = self._tickets.pop(reference)
            yield ticket, self._result(reference)

    def __enter__(self) -> RayPool:
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def _result(self, reference: Any) -> Outcome | Failed:
        try:
            found: Outcome | Failed = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:  # the worker or its node died, or memory was short there
            said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
            return Failed(f"{type(error).__name__}: {said.partition('. ')[0]}", final=False)
        return found


def _check_reachable(address: str) -> None:
    """Raise BackendError where nobody answers at HOST:PORT: Ray would try for minutes and then end the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), ANSWER_S).close()
    except OSError as error:
        raise BackendError(f"no Ray cluster at {address}: {error}; begin one: ray start --head") from error


def perform(item: Item, threads: int) -> Outcome | Failed:
    """Do an item, as a task."""
    limit_threads(threads)
    return attempt(item)
