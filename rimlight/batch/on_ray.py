"""Workers as tasks of a Ray cluster, with the same items and so the same outputs; needs the extra "ray".

Tasks, not Ray Data: an item reads a file and writes a file, so there are no rows to stream between operators; and not
actors: a worker keeps nothing between items. Ray does not try again by itself, since the manifest counts tries.
"""

from __future__ import annotations

import faulthandler
import logging
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from rimlight.batch.items import Failed, Item, Outcome, attempt
from rimlight.batch.pool import News, on_processors, parse_workers
from rimlight.errors import BackendError, MissingExtraError
from rimlight.kernels.parallel import limit_threads

log = logging.getLogger(__name__)
AHEAD = 2  # tasks in hand for every worker of a whole cluster, so that none waits for the driver
STDERR = 2  # file
GIB = 1 << 30
ANSWER_S = 10.0


@dataclass(slots=True)
class RayPool:
    """A cluster's workers.

    address: "auto", HOST:PORT, ray://…, or "local" for one of this process alone; asked: as parse_workers reads it.
    threads: processors of each. memory_gib: memory that each is given, so that Ray begins no more than fit. stall_s: a
    worker without a frame for so long ends itself. Paths must mean the same files on all nodes. Raises
    MissingExtraError, BackendError where there is no cluster.
    """

    address: str
    asked: str
    device: str
    threads: int
    memory_gib: float
    stall_s: float = 1800.0
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
        has = ray.cluster_resources()
        usual = has.get("CPU", 1) // self.threads if on_processors(self.device) else has.get("GPU", 1)
        self.workers = parse_workers(self.asked, self.device, int(usual))
        self._task = ray.remote(perform)
        self._check_room()

    def takes(self, worker: str) -> bool:
        in_hand = sum(kind == worker for _, kind in self._tickets.values())
        return in_hand < (1 if self.asked else AHEAD) * self.workers[worker]

    def give(self, worker: str, ticket: int, item: Item) -> None:
        needs = self._needs(worker)
        task = self._task.options(
            num_cpus=needs["CPU"], num_gpus=needs["GPU"], memory=needs["memory"], max_retries=0
        )  # fmt: skip
        self._tickets[task.remote(item, self.threads, self.stall_s)] = ticket, worker

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

    def _needs(self, worker: str) -> dict[str, int]:
        """What Ray is to keep for a worker of that kind, by its names."""
        return {"CPU": self.threads, "GPU": 0 if on_processors(worker) else 1, "memory": int(self.memory_gib * GIB)}

    def _check_room(self) -> None:
        """Warn of workers that no node has room for: Ray would wait for one, and say nothing."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        for worker in self.workers:
            needs = self._needs(worker)
            if not any(all(has.get(name, 0) >= least for name, least in needs.items()) for has in nodes):
                log.warning("no node has %s for a worker on %s; work for it waits until one comes", needs, worker)

    def _result(self, reference: Any) -> Outcome | Failed:
        try:
            found: Outcome | Failed = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:  # the worker or its node died, or memory was short there
            said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
            reason = f"{type(error).__name__}: {said.partition('. ')[0]}"
            if isinstance(error, self._ray.exceptions.WorkerCrashedError):
                reason += f"; a worker also ends when no frame came for {self.stall_s:g} s"
            return Failed(reason, final=False)
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


def perform(item: Item, threads: int, stall_s: float) -> Outcome | Failed:
    """Do an item, as a task, in a process that ends when no frame comes for stall_s.

    faulthandler's own thread ends it, whatever holds the interpreter; where it hung is in Ray's log of the worker.
    """
    limit_threads(threads)

    def alive(_whole: int = 0) -> None:
        faulthandler.dump_traceback_later(stall_s, exit=True, file=STDERR)

    alive()
    try:
        return attempt(item, alive)
    finally:
        faulthandler.cancel_dump_traceback_later()
