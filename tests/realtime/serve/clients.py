"""People who use the service, as aiortc sees them: cameras, microphones, connections, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any, TypeVar

import aiohttp
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

WAIT_S = 30.0  # far more than anything takes; what is awaited is an event, not a time
RED = (200, 40, 40)
RATE = 48_000

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result], within_s: float = 120.0) -> Result:
    """Run a test's coroutine to its end, or fail where it hangs."""
    return asyncio.run(asyncio.wait_for(work, within_s))


async def until(holds: Callable[[], object], what: str, within_s: float = WAIT_S) -> None:
    """Wait until something holds; fails with what was awaited."""
    loop = asyncio.get_running_loop()
    due_s = loop.time() + within_s
    while not holds():
        assert loop.time() < due_s, f"{what} did not come about within {within_s:g} s"
        await asyncio.sleep(0.02)


class Refused(AssertionError):
    """The service said no."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Camera(MediaStreamTrack):
    """Frames of one colour at an even pace; height, width, colour and fps may be changed meanwhile."""

    kind = "video"

    def __init__(self, height: int = 180, width: int = 320, colour: tuple[int, int, int] = RED, fps: int = 30) -> None:
        super().__init__()
        self.height, self.width, self.colour, self.fps = height, width, colour, fps
        self.sent = 0
        self.off = asyncio.Event()  # set: no frames come
        self._pts: int | None = None
        self._due_s = 0.0

    async def recv(self) -> VideoFrame:
        """The next frame when it is due."""
        while self.off.is_set():
            await asyncio.sleep(0.05)
        now_s = asyncio.get_running_loop().time()
        self._due_s = max(self._due_s + 1 / self.fps, now_s - 0.2)
        await asyncio.sleep(max(0.0, self._due_s - now_s))
        self._pts = 0 if self._pts is None else self._pts + 90_000 // self.fps
        picture = np.empty((self.height, self.width, 3), np.uint8)
        picture[:] = self.colour
        picture[: self.height // 4 : 7, :: 1 + self.sent % 5] //= 2  # something moves, as in any video
        frame = VideoFrame.from_ndarray(picture, "rgb24")
        frame.pts, frame.time_base = self._pts, Fraction(1, 90_000)
        self.sent += 1
        return frame


class Tone(MediaStreamTrack):
    """A sine of 440 Hz."""

    kind = "audio"
    HZ = 440

    def __init__(self) -> None:
        super().__init__()
        self._at, self._begin_s = 0, 0.0

    async def recv(self) -> AudioFrame:
        """The next 20 ms."""
        loop = asyncio.get_running_loop()
        self._begin_s = self._begin_s or loop.time()
        await asyncio.sleep(max(0.0, self._begin_s + self._at / RATE - loop.time()))
        at = self._at + np.arange(RATE // 50)
        wave = (np.sin(at * 2 * np.pi * self.HZ / RATE) * 12_000).astype(np.int16)[None]
        frame = AudioFrame.from_ndarray(wave, "s16", "mono")
        frame.pts, frame.sample_rate, frame.time_base = self._at, RATE, Fraction(1, RATE)
        self._at += RATE // 50
        return frame


class Screen:
    """What one connection receives: the newest picture and sound, and how many of each."""

    def __init__(self, peer: RTCPeerConnection, look: Callable[[np.ndarray], None] = lambda _: None) -> None:
        self.picture: np.ndarray | None = None  # (H, W, 3) RGB
        self.sound: np.ndarray | None = None
        self.pictures = self.sounds = 0
        self._look = look
        self._awaited: tuple[Callable[[np.ndarray], bool], list[np.ndarray]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        peer.on("track", self._begin)

    async def shows(self, holds: Callable[[np.ndarray], bool], what: str) -> np.ndarray:
        """The first picture from now on of which that is true."""
        found: list[np.ndarray] = []
        self._awaited = holds, found  # every picture is looked at, not only those that are there when somebody asks
        await until(lambda: found, what)
        self._awaited = None
        return found[0]

    def close(self) -> None:
        """Read no more."""
        for task in self._tasks:
            task.cancel()

    def _begin(self, track: MediaStreamTrack) -> None:
        task = asyncio.ensure_future(self._read(track))
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.result()

    async def _read(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, VideoFrame):
                self.picture = frame.to_ndarray(format="rgb24")
                self._look(self.picture)
                if self._awaited is not None and self._awaited[0](self.picture):
                    self._awaited[1].append(self.picture)
                self.pictures += 1
            else:
                self.sound = frame.to_ndarray().reshape(-1)
                self.sounds += 1


class Client:
    """One peer connection of somebody: a person before the page, a WHIP publisher or a WHEP viewer."""

    def __init__(
        self, http: aiohttp.ClientSession, address: str, look: Callable[[np.ndarray], None] = lambda _: None
    ) -> None:
        self.http, self.address = http, address
        self.peer = RTCPeerConnection()
        self.screen = Screen(self.peer, look)
        self.place = ""  # of its session: what Location said
        self.values: dict[str, Any] = {}

    async def join(self, camera: Camera, settings: dict[str, Any] | None = None, codec: str = "VP8") -> Client:
        """As the page does: send the camera, get the picture back."""
        self._send(camera, "sendrecv", codec)
        offer = {"sdp": await self._offer()} | ({"settings": settings} if settings is not None else {})
        async with self.http.post(f"{self.address}/api/sessions", json=offer) as answer:
            await _accepted(answer)
            self.values = await answer.json()
            self.place = answer.headers["Location"]
        await self._answered(self.values["sdp"])
        return self

    async def publish(self, name: str, camera: Camera, query: str = "", tone: Tone | None = None) -> Client:
        """As a WHIP client does."""
        self._send(camera, "sendonly", "VP8")
        if tone is not None:
            self.peer.addTransceiver(tone, direction="sendonly")
        return await self._sdp(f"/whip/{name}{query}")

    async def view(self, name: str) -> Client:
        """As a WHEP player does."""
        self.peer.addTransceiver("video", direction="recvonly")
        self.peer.addTransceiver("audio", direction="recvonly")
        return await self._sdp(f"/whep/{name}")

    async def offer(self, camera: Camera | None, direction: str = "sendrecv", codec: str = "VP8") -> str:
        """An offer as it would be sent; without a camera of somebody who watches."""
        if camera is None:
            self.peer.addTransceiver("video", direction="recvonly")
        else:
            self._send(camera, direction, codec)
        return await self._offer()

    async def only_offer(self, camera: Camera) -> None:
        """As `join`, but the answer is not listened to: the connection never comes about."""
        async with self.http.post(f"{self.address}/api/sessions", json={"sdp": await self.offer(camera)}) as answer:
            await _accepted(answer)
            self.place = answer.headers["Location"]

    async def status(self) -> dict[str, Any]:
        """What the service says of the session."""
        async with self.http.get(self.address + self.place) as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def change(self, **settings: Any) -> tuple[int, dict[str, Any]]:
        """PATCH: the status and what came with it."""
        async with self.http.patch(self.address + self.place, json=settings) as answer:
            return answer.status, await answer.json()

    async def leave(self) -> int:
        """DELETE, then close; the status."""
        async with self.http.delete(self.address + self.place) as answer:
            status = answer.status
        await self.close()
        return status

    async def vanish(self) -> None:
        """Fall silent without a word, as a client whose network is gone."""
        for way in self.peer.getTransceivers():
            await way.sender.transport.transport.stop()
        await self.close()

    async def close(self) -> None:
        """Close the connection; whoever is on the other side is told by DTLS alone."""
        self.screen.close()
        await self.peer.close()

    async def _sdp(self, path: str) -> Client:
        head = {"Content-Type": "application/sdp"}
        async with self.http.post(self.address + path, data=await self._offer(), headers=head) as answer:
            await _accepted(answer)
            self.place = answer.headers["Location"]
            await self._answered(await answer.text())
        return self

    def _send(self, camera: Camera, direction: str, codec: str) -> None:
        way = self.peer.addTransceiver(camera, direction=direction)
        known = RTCRtpReceiver.getCapabilities("video").codecs
        way.setCodecPreferences([one for one in known if one.mimeType == f"video/{codec}"])

    async def _offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def _answered(self, sdp: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp, "answer"))


async def _accepted(answer: aiohttp.ClientResponse) -> None:
    if answer.status != 201:
        raise Refused(answer.status, await answer.text())


@asynccontextmanager
async def people(address: str) -> AsyncIterator[Callable[..., Client]]:
    """Makes clients of a service; all are closed at the end."""
    made: list[Client] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WAIT_S)) as http:

        def client(look: Callable[[np.ndarray], None] = lambda _: None) -> Client:
            made.append(Client(http, address, look))
            return made[-1]

        try:
            yield client
        finally:
            for one in made:
                await one.close()
