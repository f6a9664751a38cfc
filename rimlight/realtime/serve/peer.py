"""Connections to browsers, OBS and players: offers answered, tracks read and sent (RFC 8829, through aiortc)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from rimlight.realtime.serve.offers import OfferError, tuned_answer
from rimlight.realtime.serve.options import ServeOptions
from rimlight.realtime.serve.tuning import preferences
from rimlight.realtime.sources.unpack import MATRIX_BT709, PLANAR, RANGE_FULL, view
from rimlight.types import I420

log = logging.getLogger(__name__)

GATHER_S = 10.0  # to find our own addresses, with STUN servers that do not answer
GONE = ("failed", "closed")


class Peer:
    """One connection. ended: called once, in the event loop, when it failed or was closed by the other side."""

    def __init__(self, options: ServeOptions, ended: Callable[[], None]) -> None:
        servers = [RTCIceServer(one.urls, one.username, one.credential) for one in options.ice_servers]
        self._options, self._ended = options, ended
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._tasks: set[asyncio.Task[None]] = set()
        self.connected = False
        self._pc.on("connectionstatechange", self._state_changed)

    async def answer(
        self, sdp: str, sent: list[MediaStreamTrack],
        read: Callable[[MediaStreamTrack], Awaitable[None]] | None = None,
    ) -> str:  # fmt: skip
        """The answer to a checked offer. sent: tracks for the other side; read: called with each track it sends.

        Raises OfferError where the offer cannot be answered.
        """
        if read is not None:
            self._pc.on("track", lambda track: self._begin(read(track)))
        self._prepare(sent, receives=read is not None)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            await asyncio.wait_for(self._pc.setLocalDescription(await self._pc.createAnswer()), GATHER_S)
        except asyncio.TimeoutError as error:
            raise OfferError(503, f"this server did not find its own addresses within {GATHER_S:g} s") from error
        except (ValueError, OperationError, InvalidStateError, InvalidAccessError) as error:
            raise OfferError(422, f"the offer cannot be answered: {error}") from error
        bounds = self._options
        return tuned_answer(self._pc.localDescription.sdp, bounds.start_kbps, bounds.min_kbps, bounds.max_kbps)

    def _prepare(self, sent: list[MediaStreamTrack], *, receives: bool) -> None:
        """Sections made before the offer is looked at: only then is our preference of codecs heard."""
        direction = "sendrecv" if receives else "sendonly"
        video = [track for track in sent if track.kind == "video"]
        made = self._pc.addTransceiver(video[0] if video else "video", direction if video else "recvonly")
        preferred = preferences(self._options.codec)
        if preferred:
            made.setCodecPreferences(preferred)
        for track in sent:
            if track.kind == "audio":
                self._pc.addTransceiver(track, "sendonly")

    async def close(self) -> None:
        """End the connection and all that reads from it."""
        self._ended = lambda: None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pc.close()

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("reading from a peer failed", exc_info=task.exception())
            self._ended()

    def _state_changed(self) -> None:
        state = self._pc.connectionState
        self.connected = state == "connected"
        if state in GONE:
            self._ended()


async def read_video(track: MediaStreamTrack, took: Callable[[VideoFrame], None]) -> None:
    """Hand on every decoded frame until the track ends; never waits for anything else, so that nothing piles up."""
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, VideoFrame)
        took(frame)


def planes_of(frame: VideoFrame) -> I420:
    """Views of a decoded frame's planes, which keep it alive; its own tags are believed, BT.601 is assumed else.

    Browsers encode BT.601 limited range and leave it untagged, whatever the size.
    """
    if frame.format.name not in PLANAR:
        frame = VideoReformatter().reformat(frame, format="yuv420p")
    y, u, v = (view(plane) for plane in frame.planes)
    full_range = frame.format.name == "yuvj420p" or frame.color_range == RANGE_FULL
    return I420(y, u, v, bt709=frame.colorspace == MATRIX_BT709, full_range=full_range)
