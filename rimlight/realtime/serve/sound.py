"""Sound passes through from the one who publishes to those who watch: bounded, the oldest is given up first."""

from __future__ import annotations

import asyncio
from collections import deque

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

MOST_WAITING = 10  # frames of 20 ms; a listener who falls further behind hears a gap instead of a delay


class ListenTrack(MediaStreamTrack):
    """What one listener is sent."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._queue: deque[AudioFrame] = deque(maxlen=MOST_WAITING)
        self._fresh = asyncio.Event()

    def offer(self, frame: AudioFrame) -> None:
        """Queue a frame, in place of the oldest if the queue is full."""
        self._queue.append(frame)
        self._fresh.set()

    async def recv(self) -> AudioFrame:
        """The next frame; raises MediaStreamError once the track has ended."""
        while not self._queue:
            if self.readyState != "live":
                raise MediaStreamError
            self._fresh.clear()
            await self._fresh.wait()
        return self._queue.popleft()

    def stop(self) -> None:
        super().stop()
        self._queue.clear()
        self._fresh.set()


class Sound:
    """Reads one published track and offers its frames to all listeners."""

    def __init__(self) -> None:
        self._tracks: list[ListenTrack] = []
        self.published = False

    def open(self) -> ListenTrack:
        """A track for one listener more."""
        track = ListenTrack()
        self._tracks.append(track)
        return track

    def close(self, track: ListenTrack) -> None:
        """The listener is gone."""
        track.stop()
        if track in self._tracks:
            self._tracks.remove(track)

    async def read(self, source: MediaStreamTrack) -> None:
        """Pass frames on until the source ends; frames are read even if nobody listens, or they would pile up."""
        self.published = True
        try:
            while True:
                frame = await source.recv()
                assert isinstance(frame, AudioFrame)
                for track in self._tracks:
                    track.offer(frame)
        except MediaStreamError:
            return
        finally:
            self.published = False
