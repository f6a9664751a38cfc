"""One thread that mats all streams: newest frames only, fair turns, several streams in one call of the network.

Each stream has its own memory in the network's slots, so a call for several gives each what a call of its own would.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rimlight.backends.streams import Streams
from rimlight.errors import RimlightError
from rimlight.realtime.matted import Matted
from rimlight.realtime.serve.fairness import Turns
from rimlight.realtime.serve.networks import Network, Networks, seen_size
from rimlight.realtime.serve.stream import Arrival, Desk, Dress, Stream, frame_of
from rimlight.realtime.session import check_finite
from rimlight.realtime.stats import Stats
from rimlight.types import Size

log = logging.getLogger(__name__)

IDLE_S = 0.5  # how long the thread waits for a frame before it looks whether it is to end
STOP_S = 2.0
OPENED_S = 20.0  # how long the end of the service waits for a network that is being opened


@dataclass(frozen=True, slots=True)
class _Job:
    """One frame of a group: all that is needed of the stream, read once."""

    stream: Stream
    arrival: Arrival
    desk: Desk
    dress: Dress
    slot: int
    cut: bool


class Engine:
    """Takes the newest frame of each stream and leaves finished pictures on the streams' desks.

    open_streams: opens a network at an internal size. failed: told of a stream and why it has to be covered; called
    from this thread. beat_s: when the thread last did anything, on the clock of time.perf_counter.
    """

    def __init__(
        self, open_streams: Callable[[Size], Streams], failed: Callable[[Stream, str], None], stats: Stats
    ) -> None:
        self._networks = Networks(open_streams, self._poke)
        self._failed, self._stats = failed, stats
        self._turns: Turns[str] = Turns()
        self._sizes: dict[str, Size] = {}  # at which the network sees a stream
        self._waiting: dict[str, tuple[Stream, Arrival]] = {}
        self._gone: set[str] = set()
        self._changed = threading.Condition()
        self._stopped = False
        self.beat_s = time.perf_counter()
        self.busy = False
        self._thread = threading.Thread(target=self._run, name="rimlight-engine", daemon=True)
        self._thread.start()

    @property
    def device(self) -> str:
        """What runs the network, "" before one is open."""
        return self._networks.device

    @property
    def alive(self) -> bool:
        """Whether its thread still runs."""
        return self._thread.is_alive()

    def hangs(self, patience_s: float) -> bool:
        """Whether the thread has worked on one group for longer than that."""
        return self.busy and time.perf_counter() - self.beat_s > patience_s

    def put(self, stream: Stream, arrival: Arrival) -> None:
        """Offer a frame, in place of an older one of the stream that was not begun."""
        with self._changed:
            stream.stats.count("dropped", stream.key in self._waiting)
            self._waiting[stream.key] = (stream, arrival)
            self._changed.notify()

    def warm(self, size: Size, long_side: int) -> None:
        """Begin to open the network that frames of this size need, before they come."""
        self._networks.get(seen_size(size, long_side))

    def forget(self, stream: Stream) -> None:
        """The stream is gone: its memory, its turn and its waiting frame with it."""
        with self._changed:
            self._waiting.pop(stream.key, None)
            self._gone.add(stream.key)
            self._changed.notify()

    def stop(self, timeout_s: float = STOP_S) -> None:
        """End the thread, and wait for it at most so long; one that hangs is left behind, and closes nothing."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join(timeout_s)
        self._networks.settle(OPENED_S)

    def _poke(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        while not self._stopped:
            group = self._next_group()
            self.beat_s, self.busy = time.perf_counter(), bool(group)
            if group:
                self._serve(group)
            self.busy = False
        self._networks.close()

    def _next_group(self) -> list[tuple[Stream, Arrival, Network]]:
        """Those whose turn it is: the least served stream, and others that the same call can take."""
        with self._changed:
            if not self._waiting and not self._gone and not self._stopped:
                self._changed.wait(IDLE_S)
            gone, self._gone = self._gone, set()
            waiting = dict(self._waiting)
        for key in gone:
            self._leave(key)
        group = self._chosen(waiting)
        if waiting and not group:
            with self._changed:  # networks are being opened, nothing can be done until they are or frames come
                self._changed.wait(IDLE_S)
        with self._changed:
            return [
                (*self._waiting.pop(stream.key), network) for stream, network in group if stream.key in self._waiting
            ]

    def _leave(self, key: str) -> None:
        self._networks.leave(key)
        self._turns.forget(key)
        self._sizes.pop(key, None)

    def _chosen(self, waiting: Mapping[str, tuple[Stream, Arrival]]) -> list[tuple[Stream, Network]]:
        group: list[tuple[Stream, Network]] = []
        for key in self._turns.order(waiting):
            stream, arrival = waiting[key]
            network = self._network_for(stream, arrival.size)
            if network is None or (group and network is not group[0][1]):
                continue
            group.append((stream, network))
            if len(group) == network.streams.together:
                break
        return group

    def _network_for(self, stream: Stream, full: Size) -> Network | None:
        size = seen_size(full, stream.dress.look.long_side())
        try:
            network = self._networks.get(size)
        except RimlightError as error:
            self._tell(stream, str(error))
            return None
        before = self._sizes.get(stream.key)
        if network is not None and before != size:
            if before is not None:
                self._networks.leave(stream.key, before)
            self._sizes[stream.key] = size
        return network

    def _serve(self, group: Sequence[tuple[Stream, Arrival, Network]]) -> None:
        """Mat and paint a group; what breaks for all is told of all, what breaks for one is told of that one."""
        begin_s = time.perf_counter()
        network = group[0][2]
        jobs = [job for stream, arrival, _ in group if (job := self._job(stream, arrival, network)) is not None]
        if not jobs:
            return
        try:
            matted = self._matte(jobs, network)
        except Exception as error:  # noqa: BLE001 - the edge of the thread: handed on as the reason of the cover
            self._broke(jobs, error)
            self._turns.charge([job.stream.key for job in jobs], time.perf_counter() - begin_s)
            return
        for job, one in zip(jobs, matted, strict=True):
            try:
                check_finite(one.coefficients)
                with self._stats.timed("paint"):
                    job.desk.paint(one, job.dress, job.arrival.pts)
            except Exception as error:  # noqa: BLE001 - as above
                self._broke([job], error)
            job.stream.wake()
        self._stats.count("matted", len(jobs))
        self._turns.charge([job.stream.key for job in jobs], time.perf_counter() - begin_s)

    def _job(self, stream: Stream, arrival: Arrival, network: Network) -> _Job | None:
        fresh = stream.key not in network.seats
        slot = network.slot(stream.key)
        if slot is None:
            self._tell(stream, "no place is free for this video")
            return None
        desk, cut = stream.desk, fresh
        if desk is None or desk.full != arrival.size:
            desk = stream.desk = Desk(arrival.size)
            cut = True
        return _Job(stream, arrival, desk, stream.dress, slot, cut)

    def _matte(self, jobs: Sequence[_Job], network: Network) -> list[Matted]:
        room, frames = network.room[: len(jobs)], [frame_of(job.arrival) for job in jobs]
        with self._stats.timed("shrink"):
            for job, frame, small in zip(jobs, frames, room, strict=True):
                job.desk.shrink(frame.pixels, small)
        with self._stats.timed("matte"):
            found = network.step(room, [job.slot for job in jobs], [job.cut for job in jobs])
        return [Matted(*parts) for parts in zip(frames, room, found, strict=True)]

    def _broke(self, jobs: Sequence[_Job], error: Exception) -> None:
        if not isinstance(error, RimlightError):
            log.error("the engine failed", exc_info=error)
        for job in jobs:
            self._tell(job.stream, f"{error}" or type(error).__name__)
            self._networks.leave(job.stream.key)  # begins anew, with an empty memory

    def _tell(self, stream: Stream, reason: str) -> None:
        """Let the stream be covered; an engine that was stopped while it hung has nothing to say any more."""
        if not self._stopped:
            self._failed(stream, reason)
