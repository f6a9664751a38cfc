"""All sessions: who may come in, what they may change, when they end. Belongs to the event loop.

A session is one person's published video; viewers belong to the session that they watch and end with it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from prometheus_client import Histogram

from rimlight.backends.streams import Streams, open_streams
from rimlight.realtime.serve.capacity import MOST_STREAMS, Capacity, Demand
from rimlight.realtime.serve.cluster.names import new_key
from rimlight.realtime.serve.engine import Engine
from rimlight.realtime.serve.gallery import Gallery
from rimlight.realtime.serve.measures import Look, changed
from rimlight.realtime.serve.offers import check_offer
from rimlight.realtime.serve.options import ServeOptions
from rimlight.realtime.serve.refusals import RefusedError
from rimlight.realtime.serve.session import Published, dressed
from rimlight.realtime.serve.stream import Stream
from rimlight.realtime.stats import Stats
from rimlight.types import Size, UInt8Array

log = logging.getLogger(__name__)

TICK_S = 1.0
ASSUMED = Size(720, 1280)  # of a video of which nothing has come yet
ASSUMED_FPS = 30.0
USUAL = Demand(ASSUMED, ASSUMED_FPS, Look().long_side())
MOST_ABANDONED = 3
LATENCIES_S = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.13, 0.2, 0.3, 0.5, 1.0)


class Service:
    """Sessions by id, published names, one engine for all. To be made and closed inside a running event loop."""

    def __init__(self, options: ServeOptions, capacity: Capacity, gallery: Gallery) -> None:
        self.options, self.capacity, self.gallery = options, capacity, gallery
        self.stats, self.events = Stats(), Counter[str]()
        self.latency = Histogram(
            "rimlight_serve_latency_seconds", "From a frame's arrival to its picture's leaving", registry=None,
            buckets=LATENCIES_S,
        )  # fmt: skip
        self._ended_frames = Counter[str]()
        self.draining = False
        self.sessions: dict[str, Published] = {}
        self.names: dict[str, Published] = {}
        self._loop = asyncio.get_running_loop()
        self._abandoned: list[Engine] = []
        self._ending: set[asyncio.Task[None]] = set()
        self.engine = self._new_engine()
        self.engine.warm(ASSUMED, Look().long_side())
        self._keeper = self._loop.create_task(self._keep())

    async def publish(self, sdp: str, look: Look, name: str | None = None) -> tuple[Published, str]:
        """A new session and the answer to its offer. Raises RefusedError, OfferError."""
        offer = check_offer(sdp, receives=False)
        self._admit(name)
        dress = await asyncio.to_thread(dressed, look, None, self.gallery)  # may paint a picture of the gallery
        self._admit(name)  # once more: others may have come meanwhile
        session = Published(new_key(self.options.worker), name or secrets.token_urlsafe(12), self, dress)
        self.sessions[session.id] = self.names[session.name] = session
        try:
            answer = await session.connect(sdp, offer)
        except BaseException:
            await self.end(session, "was not answered")
            raise
        self._tell("session opened", session)
        return session, answer

    async def view(self, sdp: str, name: str) -> tuple[Published, str, str]:
        """The session of that name, the new viewer's id and the answer. Raises RefusedError, OfferError."""
        session = self.names.get(name)
        if session is None:  # before anything else: this is asked again and again by who waits
            raise RefusedError(404, f"nobody publishes under the name {name}")
        offer = check_offer(sdp, receives=True)
        if self.draining:
            raise self._draining()
        if len(session.viewers) >= self.options.bounds.viewers:
            raise RefusedError(503, f"{name} has as many viewers as are allowed", self.options.retry_after_s)
        if not self.capacity.admits_watcher(self.demands(), session.demand(ASSUMED, ASSUMED_FPS)):
            self.events["rejected"] += 1
            raise RefusedError(503, "this server is full; try again in a moment", self.options.retry_after_s)
        viewer, answer = await session.add_viewer(sdp, offer)
        self._tell("viewer came", session)
        return session, viewer, answer

    def session(self, key: str) -> Published:
        """The session with that id; raises RefusedError."""
        if key not in self.sessions:
            raise RefusedError(404, "there is no such session; it may have ended")
        return self.sessions[key]

    async def change(self, session: Published, values: object) -> Look:
        """Change how it looks, as a whole or not at all. Raises RimlightError for what cannot be."""
        async with session.changing:
            look = changed(session.look, values, gallery=self.gallery.names(), has_upload=session.upload is not None)
            await self._redress(session, look)
        return look

    async def upload(self, session: Published, picture: UInt8Array) -> Look:
        """Put this picture behind the person; it is kept with the session and goes with it."""
        async with session.changing:
            session.upload = picture
            look = replace(session.look, backdrop="upload")
            await self._redress(session, look)
        return look

    async def end(self, session: Published, reason: str) -> None:
        """End a session and its viewers; nothing happens if it has ended."""
        if self.sessions.pop(session.id, None) is None:
            return
        self.names.pop(session.name, None)
        self._ended_frames.update(session.stream.stats.counts())
        self._tell("session ended", session, reason=reason)
        try:
            await session.close()
        finally:
            self.engine.forget(session.stream)  # only now does no frame come any more that would take a place again

    def end_soon(self, session: Published, reason: str) -> None:
        """As `end`, from where nothing can be awaited."""
        self.later(self.end(session, reason))

    async def drain(self, timeout_s: float) -> None:
        """Let nobody in any more, and wait at most so long for those who are here to go."""
        self.draining = True
        due_s = self._loop.time() + timeout_s
        while self.sessions and self._loop.time() < due_s:
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        """End everything."""
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        for session in list(self.sessions.values()):
            await self.end(session, "the service ends")
        await asyncio.gather(*self._ending, return_exceptions=True)
        await asyncio.to_thread(self.engine.stop)

    def demands(self) -> list[Demand]:
        """What every session asks of the machine: as measured, or assumed before anything came."""
        return [session.demand(ASSUMED, ASSUMED_FPS) for session in self.sessions.values()]

    def frames(self) -> Counter[str]:
        """Frames in, out, dropped … of all sessions so far."""
        return sum((Counter(one.stream.stats.counts()) for one in self.sessions.values()), self._ended_frames)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it soon; for what ends something and cannot be waited for."""
        task = self._loop.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _admit(self, name: str | None) -> None:
        if self.draining:
            raise self._draining()
        if name in self.names:
            raise RefusedError(409, f"somebody publishes under the name {name} already")
        if not self.capacity.admits(self.demands(), USUAL):
            self.events["rejected"] += 1
            raise RefusedError(503, "this server is full; try again in a moment", self.options.retry_after_s)

    def _draining(self) -> RefusedError:
        return RefusedError(503, "this server is about to stop and takes nobody new", self.options.retry_after_s)

    async def _redress(self, session: Published, look: Look) -> None:
        dress = await asyncio.to_thread(dressed, look, session.upload, self.gallery)
        session.stream.redress(dress)

    def _tell(self, what: str, session: Published, **fields: str) -> None:
        self.events[what] += 1
        log.info(what, extra={"session": session.id, "fields": fields})

    def _new_engine(self) -> Engine:
        return Engine(self._open_streams, self._failed, self.stats)

    def _open_streams(self, size: Size) -> Streams:
        options, slots = self.options, self.options.bounds.sessions or MOST_STREAMS
        return open_streams(options.backend, size, slots, options.together, **options.backend_options())

    def _failed(self, stream: Stream, reason: str) -> None:
        """From the engine's thread: let the event loop cover the stream."""
        self._loop.call_soon_threadsafe(stream.fault, reason)

    async def _keep(self) -> None:
        """Once a second: end what is over, replace an engine that hangs."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self._tend()
            except Exception:  # without it nothing would ever end: what failed is logged, and tried again
                log.exception("looking after the sessions failed")

    def _tend(self) -> None:
        for session in list(self.sessions.values()):
            session.tick()
            reason = session.over()
            if reason:
                self.end_soon(session, reason)
        if self.engine.hangs(self.options.hang_s):
            self._replace_engine()

    def _replace_engine(self) -> None:
        self._abandoned = [engine for engine in self._abandoned if engine.alive]
        if len(self._abandoned) >= MOST_ABANDONED:
            return  # all is covered; another thread that hangs would help nobody
        log.error("the engine hangs and is replaced", extra={"fields": {"abandoned": len(self._abandoned) + 1}})
        self.events["engine replaced"] += 1
        self.engine.stop(0.0)
        self._abandoned.append(self.engine)
        self.engine = self._new_engine()
        for session in self.sessions.values():
            session.stream.renew()
            session.stream.fault("the network hangs")
