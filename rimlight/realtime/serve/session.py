"""One published video: its connection, its stream, its viewers, and when it is over. Belongs to the event loop."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from aiortc import MediaStreamTrack
from av.video.frame import VideoFrame

from rimlight.realtime.backdrops import Backdrop, Picture, open_backdrop
from rimlight.realtime.serve.capacity import Demand
from rimlight.realtime.serve.gallery import Gallery
from rimlight.realtime.serve.measures import Look
from rimlight.realtime.serve.offers import Offer
from rimlight.realtime.serve.outlet import Outlet, WatchTrack
from rimlight.realtime.serve.peer import Peer, planes_of, read_video
from rimlight.realtime.serve.sound import ListenTrack, Sound
from rimlight.realtime.serve.stream import CLOCK, Arrival, Dress, Stream, clock_s
from rimlight.types import Size, UInt8Array

if TYPE_CHECKING:
    from rimlight.realtime.serve.service import Service

log = logging.getLogger(__name__)

UNEVEN_S = 0.05  # frames may come so much earlier than their even time: cameras and networks are not exact


@dataclass(slots=True)
class Viewer:
    """Somebody who watches."""

    peer: Peer
    tracks: list[MediaStreamTrack]
    since_s: float


class Published:
    """id: whoever knows it may change and end the session, so it stays secret. name: what viewers know."""

    def __init__(self, key: str, name: str, service: Service, dress: Dress) -> None:
        self.id, self.name, self._service = key, name, service
        self.upload: UInt8Array | None = None
        self.changing = asyncio.Lock()  # a change builds on the one before
        self.outlet, self.sound = Outlet(asyncio.get_running_loop()), Sound()
        self.stream = Stream(key, dress, self.outlet.wake, service.latency.observe)
        self.viewers: dict[str, Viewer] = {}
        self.fps_in = self.fps_out = 0.0
        self.began_s = clock_s()
        self._peer = Peer(service.options, lambda: service.end_soon(self, "the connection ended"))
        self._pump = asyncio.get_running_loop().create_task(self.outlet.run(self.stream))
        self._pump.add_done_callback(self._pump_over)
        self._pace = Pace(1 / service.options.bounds.fps)
        self._ticked = (self.began_s, 0, 0)

    @property
    def look(self) -> Look:
        """How it looks now."""
        return self.stream.dress.look

    async def connect(self, sdp: str, offer: Offer) -> str:
        """The answer to a checked offer; the picture is sent back if the offer asks for it. Raises OfferError."""
        sent: list[MediaStreamTrack] = [self.outlet.open()] if offer.wants_video else []
        return await self._peer.answer(sdp, sent, self._read)

    async def add_viewer(self, sdp: str, offer: Offer) -> tuple[str, str]:
        """The id of a new viewer and the answer to its offer. Raises OfferError."""
        key = secrets.token_urlsafe(18)
        tracks: list[MediaStreamTrack] = [self.outlet.open()]
        if offer.has_audio and self.sound.published:
            tracks.append(self.sound.open())
        viewer = Viewer(Peer(self._service.options, lambda: self._drop_soon(key)), tracks, clock_s())
        self.viewers[key] = viewer
        try:
            return key, await viewer.peer.answer(sdp, tracks)
        except BaseException:
            await self.drop_viewer(key)
            raise

    async def drop_viewer(self, key: str) -> bool:
        """End a viewer's connection; False if there is no such viewer."""
        viewer = self.viewers.pop(key, None)
        if viewer is None:
            return False
        for track in viewer.tracks:
            if isinstance(track, WatchTrack):
                self.outlet.close(track)
            elif isinstance(track, ListenTrack):
                self.sound.close(track)
        await viewer.peer.close()
        return True

    def over(self) -> str:
        """Why the session is to end now, "" if it is not."""
        bounds, now = self._service.options.bounds, clock_s()
        arrived_s = self.stream.arrived_s
        if now - self.began_s > bounds.duration_s:
            return "it has lasted as long as a session may"
        if not self._peer.connected and arrived_s is None and now - self.began_s > bounds.connect_s:
            return "it did not connect"
        if now - (arrived_s or self.began_s) > max(bounds.idle_s, 0.0 if arrived_s else bounds.connect_s):
            return "no frames came"
        return ""

    def tick(self) -> None:
        """Once a second: count frames, drop viewers that did not connect."""
        counts, now = self.stream.stats.counts(), clock_s()
        before_s, came, left = self._ticked
        self._ticked = (now, counts.get("in", 0), counts.get("out", 0))
        elapsed_s = now - before_s
        self.fps_in, self.fps_out = (self._ticked[1] - came) / elapsed_s, (self._ticked[2] - left) / elapsed_s
        for key, viewer in list(self.viewers.items()):
            if not viewer.peer.connected and now - viewer.since_s > self._service.options.bounds.connect_s:
                self._drop_soon(key)

    def demand(self, size: Size, fps: float) -> Demand:
        """What it asks of the machine; of this size and rate as long as nothing came."""
        came = self.stream.size is not None and self.fps_in > 0
        return Demand(
            self.stream.size or size, self.fps_in if came else fps, self.look.long_side(), self.outlet.watchers
        )

    def status(self) -> dict[str, object]:
        """What the page shows."""
        latency, stream, bounds = self.stream.latency_ms(), self.stream, self._service.options.bounds
        return {
            "state": stream.state.value,
            "reason": stream.reason,
            "fps_in": round(self.fps_in, 1),
            "fps_out": round(self.fps_out, 1),
            "latency_ms": {"p50": round(latency[0], 1), "p95": round(latency[1], 1)} if latency else None,
            "size": str(stream.size) if stream.size else None,
            "viewers": len(self.viewers),
            "draining": self._service.draining,
            "left_s": max(0, round(self.began_s + bounds.duration_s - clock_s())),
            "settings": self.look.as_json(),
        }

    async def close(self) -> None:
        """End its connections; what was uploaded goes with it."""
        for key in list(self.viewers):
            await self.drop_viewer(key)
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        await self._peer.close()
        self.upload = None

    async def _read(self, track: MediaStreamTrack) -> None:
        if track.kind == "audio":
            await self.sound.read(track)
        else:
            await read_video(track, self._took)

    def _took(self, frame: VideoFrame) -> None:
        """A decoded frame came: give it to the engine, unless nobody is to see it or it comes too soon."""
        stream, bounds = self.stream, self._service.options.bounds
        now = clock_s()
        pts = int((frame.pts or 0) * Fraction(frame.time_base or Fraction(1, CLOCK)) * CLOCK)
        if not self._pace.admits(pts / CLOCK):
            stream.stats.count("skipped")
            return
        size = bounded(Size(frame.height, frame.width), bounds.largest)
        stream.arrived(size, pts, now)
        if self.outlet.watched and not stream.paused:
            self._service.engine.put(stream, Arrival(planes_of(frame), size, pts, now))

    def _pump_over(self, task: asyncio.Task[None]) -> None:
        """A session that can send nothing any more is of no use to anybody."""
        if not task.cancelled() and task.exception() is not None:
            log.error("a session's pictures cannot be sent", exc_info=task.exception(), extra={"session": self.id})
            self._service.end_soon(self, "it failed")

    def _drop_soon(self, key: str) -> None:
        self._service.later(self._dropped(key))

    async def _dropped(self, key: str) -> None:
        await self.drop_viewer(key)


class Pace:
    """At most one frame an interval on average, with some unevenness (GCRA, ITU-T I.371, annex A)."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._due_s: float | None = None

    def admits(self, pts_s: float) -> bool:
        """Whether a frame of this time may pass; a clock that begins again passes."""
        if self._due_s is None or abs(self._due_s - pts_s) > 1:
            self._due_s = pts_s
        if pts_s < self._due_s - UNEVEN_S:
            return False
        self._due_s = max(self._due_s, pts_s) + self._interval_s
        return True


def dressed(look: Look, upload: UInt8Array | None, gallery: Gallery) -> Dress:
    """The look with its backdrop opened twice; look was checked, so that nothing in it can name a file."""
    return Dress(look, _backdrop(look.backdrop, upload, gallery), _backdrop(look.backdrop, upload, gallery))


def _backdrop(spec: str, upload: UInt8Array | None, gallery: Gallery) -> Backdrop:
    kind, _, name = spec.partition(":")
    if kind == "gallery":
        return Picture(gallery.picture(name))
    if kind == "upload":
        assert upload is not None
        return Picture(upload)
    assert kind == "blur" or spec.startswith("#"), "a backdrop that was not checked"
    return open_backdrop(spec)


def bounded(size: Size, largest: Size) -> Size:
    """The size, or the largest of its shape within bounds that hold either way up; sides stay even."""
    long, short = max(largest.height, largest.width), min(largest.height, largest.width)
    ratio = min(1.0, long / max(size.height, size.width), short / min(size.height, size.width))
    if ratio == 1.0:
        return size
    return Size(*(max(2, round(side * ratio / 2) * 2) for side in (size.height, size.width)))
