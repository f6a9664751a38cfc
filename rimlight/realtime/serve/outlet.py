"""From one stream's finished pictures to everybody who watches it: newest wins, nobody waits for anybody.

Each watcher has three pictures: one that its encoder works on, one that waits, one to be filled. A slow encoder skips
pictures; it never holds up the others.
"""

from __future__ import annotations

import asyncio
from fractions import Fraction

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange

from rimlight.realtime.serve.stream import CLOCK, Painted, Stream, clock_s
from rimlight.realtime.sinks.packing import memory
from rimlight.types import I420

TICK_S = 0.1  # how often the safety machine is asked while nothing comes
TIME_BASE = Fraction(1, CLOCK)
BT601 = 6  # of ITU-T H.273: primaries, transfer and matrix alike (SMPTE 170M)


class WatchTrack(MediaStreamTrack):
    """What one watcher is sent."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._newest: VideoFrame | None = None
        self._given: VideoFrame | None = None  # to the encoder, until it asks for the next
        self._spare: list[VideoFrame] = []
        self._fresh = asyncio.Event()

    def offer(self, painted: Painted) -> None:
        """Fill a spare picture with this one; it takes the place of one that nobody took."""
        if self._newest is not None:
            self._spare.append(self._newest)
        planes = painted.planes
        height, width = planes.y.shape
        self._spare = [frame for frame in self._spare if (frame.height, frame.width) == (height, width)]
        frame = self._spare.pop() if self._spare else empty_frame(height, width)
        fill_frame(frame, planes)
        frame.pts, frame.time_base = painted.pts, TIME_BASE
        self._newest = frame
        self._fresh.set()

    async def recv(self) -> VideoFrame:
        """The next picture, as soon as there is one; raises MediaStreamError once the track has ended."""
        while self._newest is None:
            if self.readyState != "live":
                raise MediaStreamError
            self._fresh.clear()
            await self._fresh.wait()
        if self._given is not None:
            self._spare.append(self._given)
        frame = self._given = self._newest
        self._newest = None
        return frame

    def stop(self) -> None:
        super().stop()
        self._newest = None
        self._fresh.set()


class Outlet:
    """Takes what may leave a stream and offers it to its watchers; belongs to the event loop, but for `wake`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._arrived = asyncio.Event()
        self._tracks: list[WatchTrack] = []

    @property
    def watched(self) -> bool:
        """Whether there is anybody to send to; while there is not, nothing needs to be matted."""
        return bool(self._tracks)

    @property
    def watchers(self) -> int:
        """How many are sent to."""
        return len(self._tracks)

    def wake(self) -> None:
        """There may be a finished picture; called from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._arrived.set)

    def open(self) -> WatchTrack:
        """A track for one watcher more."""
        track = WatchTrack()
        self._tracks.append(track)
        return track

    def close(self, track: WatchTrack) -> None:
        """The watcher is gone."""
        track.stop()
        if track in self._tracks:
            self._tracks.remove(track)

    async def run(self, stream: Stream) -> None:
        """Send on until cancelled."""
        try:
            while True:
                # The safety machine is asked even if nothing came: what was sent grows old. Not by wait_for, which
                # before Python 3.12 loses a cancellation that comes together with what it waits for.
                alarm = self._loop.call_later(TICK_S, self._arrived.set)
                try:
                    await self._arrived.wait()
                finally:
                    alarm.cancel()
                self._arrived.clear()
                painted = stream.leaving(clock_s())
                if painted is not None:
                    for track in self._tracks:
                        track.offer(painted)
        finally:
            for track in list(self._tracks):
                self.close(track)


def empty_frame(height: int, width: int) -> VideoFrame:
    """A picture to be filled, tagged as BT.601 limited range."""
    frame = VideoFrame(width, height, "yuv420p")
    frame.colorspace = frame.color_primaries = frame.color_trc = BT601
    frame.color_range = ColorRange.MPEG
    return frame


def fill_frame(frame: VideoFrame, planes: I420) -> None:
    """Copy planes into a picture that nobody else holds, or into new memory where somebody does."""
    frame.make_writable()
    frame.pict_type = PictureType.NONE  # an encoder may have asked for a key picture the last time
    for plane, source in zip(frame.planes, (planes.y, planes.u, planes.v), strict=True):
        memory(plane)[:] = source
