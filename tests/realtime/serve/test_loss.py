"""Two peers of aiortc in one process, on a loopback that loses packets: pictures arrive whole and in order."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection
from av.video.frame import VideoFrame

from rimlight.realtime.serve.lowdelay import low_delay
from rimlight.realtime.serve.tuning import Bitrates, Preferred, preferences, tuned
from rimlight.realtime.sources.barcode import draw_number, frame_number
from rimlight.realtime.sources.unpack import view
from rimlight.types import Size, UInt8Array
from tests.realtime.serve.clients import run

SIZE = Size(180, 320)
FPS = 100
WANTED = 60  # pictures
RATES = Bitrates(start_bps=8_000_000, max_bps=8_000_000)
LEVELS = (60, 140, 100, 180)  # of consecutive pictures, so far apart that a mix of two is seen
GRID = 6  # blocks to a side
TEXTURE = np.random.default_rng(1).integers(-30, 31, (SIZE.height, 2 * SIZE.width)).astype(np.int16)


def drawn(number: int) -> UInt8Array:
    """(H, W, 3) grey texture that moves, at the number's own level, with the number on top."""
    shift = number * 17 % SIZE.width
    grey = (TEXTURE[:, shift : shift + SIZE.width] + LEVELS[number % len(LEVELS)]).astype(np.uint8)
    image = np.repeat(grey[:, :, None], 3, 2)
    draw_number(image, number)
    return image


def read(frame: VideoFrame) -> int | None:
    """The number of a picture all of which is at that number's level, else None."""
    luma = np.array(view(frame.planes[0]))
    number = frame_number(np.repeat(luma[:, :, None], 3, 2))
    if number is None:
        return None
    below = luma[SIZE.height // 6 :].astype(np.float32)
    blocks = [part.mean() for row in np.array_split(below, GRID) for part in np.array_split(row, GRID, 1)]
    return number if np.abs(np.array(blocks) - LEVELS[number % len(LEVELS)]).max() < 15 else None


class Numbered(MediaStreamTrack):
    """Pictures that say which they are, at an even pace."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0

    async def recv(self) -> VideoFrame:
        await asyncio.sleep(1 / FPS)
        grey = drawn(self._sent)[:, :, 0]
        chroma = np.full((SIZE.height // 2, SIZE.width), 128, np.uint8)
        frame = VideoFrame.from_ndarray(np.concatenate([grey, chroma]), "yuv420p")
        frame.pts, frame.time_base = self._sent * 90000 // FPS, Fraction(1, 90000)
        self._sent += 1
        return frame


@dataclass
class Link:
    """What happened on the way: media packets sent and lost, the pictures' numbers, None for one that is not whole."""

    loss: float
    sent: int = 0
    lost: int = 0
    numbers: list[int | None] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def through(self, send: Callable[[bytes], Awaitable[None]]) -> Callable[[bytes], Awaitable[None]]:
        """A transport that loses media packets and their reports, but neither the handshake nor checks."""

        async def lossy(data: bytes) -> None:
            if 127 < data[0] < 192:
                self.sent += 1
                if self.chance.random() < self.loss:
                    self.lost += 1
                    return
            await send(data)

        return lossy


async def connected(link: Link, codec: Preferred) -> tuple[RTCPeerConnection, RTCPeerConnection, MediaStreamTrack]:
    """The sender, the receiver and the track that arrives."""
    sender, receiver = RTCPeerConnection(RTCConfiguration([])), RTCPeerConnection(RTCConfiguration([]))
    arrived: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
    receiver.on("track", arrived.set_result)
    sender.addTransceiver(Numbered(), direction="sendonly").setCodecPreferences(preferences(codec))
    await sender.setLocalDescription(await sender.createOffer())
    await receiver.setRemoteDescription(sender.localDescription)
    await receiver.setLocalDescription(await receiver.createAnswer())
    for peer in (sender, receiver):
        ice: Any = peer.getTransceivers()[0].receiver.transport.transport
        ice._send = link.through(ice._send)
    await sender.setRemoteDescription(receiver.localDescription)
    return sender, receiver, await arrived


async def watched(link: Link, codec: Preferred) -> Link:
    sender, receiver, track = await connected(link, codec)
    try:
        while len(link.numbers) < WANTED:
            frame = await track.recv()
            assert isinstance(frame, VideoFrame)
            link.numbers.append(read(frame))
    finally:
        await sender.close()
        await receiver.close()
    return link


@pytest.mark.parametrize("codec", ["vp8", "h264"])
@pytest.mark.parametrize(("buffer", "loss"), [("original", 0.0), ("early", 0.0), ("early", 0.05)])
def test_pictures_arrive_whole(
    codec: Preferred, loss: float, buffer: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])
    caplog.set_level(logging.INFO, "rimlight")
    with ExitStack() as stack:
        stack.enter_context(tuned(RATES, SIZE))
        if buffer == "early":
            stack.enter_context(low_delay())
        link = run(watched(Link(loss), codec))
    numbers = [number for number in link.numbers if number is not None]
    assert len(numbers) == len(link.numbers), "whole and readable, all of them"
    assert numbers == sorted(set(numbers)), "in order, and none twice"
    assert link.sent > 3 * WANTED, "a picture has several packets"
    assert (link.lost > 0) == (loss > 0)
    assert "cannot be decoded" not in caplog.text


def test_an_empty_datagram_of_a_stranger_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: ["127.0.0.1"])

    async def work() -> None:
        sender, receiver, track = await connected(Link(0.0), "vp8")
        await track.recv()
        ice = receiver.getTransceivers()[0].receiver.transport.transport
        [address] = ice.iceGatherer.getLocalCandidates()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"", (address.ip, address.port))
        for _ in range(20):
            await track.recv()
        assert receiver.connectionState == "connected"
        await sender.close()
        await receiver.close()

    with tuned(RATES, SIZE):
        run(work())


def test_a_mix_of_two_pictures_would_be_seen() -> None:
    mixed = drawn(8)
    mixed[120:] = drawn(7)[120:]
    chroma = np.full((SIZE.height // 2, SIZE.width), 128, np.uint8)
    for image, number in [(drawn(8), 8), (mixed, None)]:
        assert read(VideoFrame.from_ndarray(np.concatenate([image[:, :, 0], chroma]), "yuv420p")) == number
