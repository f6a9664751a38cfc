from __future__ import annotations

import asyncio
import queue
import struct
import threading
from fractions import Fraction

import aiortc
import numpy as np
import pytest
from aiortc.codecs import depayload
from aiortc.codecs.base import Decoder, Encoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av.frame import Frame
from av.video.frame import VideoFrame

from rimlight.realtime.serve.decoding import (
    MOST_DECODED,
    MOST_WAITING,
    Burst,
    Gap,
    decode_all,
    decoders_up_to,
    hand_over,
    is_key_picture,
)
from rimlight.realtime.serve.encoders import H264Encoder, Vp8Encoder
from rimlight.types import Size
from tests.realtime.serve.clients import run

LARGEST = Size(120, 160)
RAISES = not aiortc.__version__.startswith("1.15.")  # its decoders keep damage to themselves
ENCODERS: dict[str, type[Encoder]] = {"VP8": Vp8Encoder, "H264": H264Encoder}
both = pytest.mark.parametrize("name", list(ENCODERS))


def codec(name: str) -> RTCRtpCodecParameters:
    return RTCRtpCodecParameters(mimeType=f"video/{name}", clockRate=90000)


def coded(name: str, count: int, keys: tuple[int, ...] = (0,), size: Size = LARGEST) -> list[JitterFrame]:
    """So many coded pictures of noise, as the jitter buffer gives them."""
    encoder, noise = ENCODERS[name](), np.random.default_rng(2)
    frames = []
    for n in range(count):
        planes = noise.integers(0, 256, (size.height * 3 // 2, size.width)).astype(np.uint8)
        frame = VideoFrame.from_ndarray(planes, "yuv420p")
        frame.pts, frame.time_base = 3000 * n, Fraction(1, 90000)
        payloads, timestamp = encoder.encode(frame, force_keyframe=n in keys)
        frames.append(JitterFrame(b"".join(depayload(codec(name), one) for one in payloads), timestamp))
    return frames


def decoded(name: str, frames: list[JitterFrame]) -> tuple[list[int], bool]:
    """Times of the pictures that come out when all wait at once, and whether a key picture was asked for."""

    async def work() -> tuple[list[int], bool]:
        waiting: queue.Queue[tuple[RTCRtpCodecParameters, JitterFrame] | None] = queue.Queue()
        out: asyncio.Queue[Frame | None] = asyncio.Queue()
        damaged = threading.Event()
        for frame in frames:
            waiting.put((codec(name), frame))
        waiting.put(None)
        args = (decoders_up_to(LARGEST), asyncio.get_running_loop(), waiting, out, damaged)
        thread = threading.Thread(target=decode_all, args=args)
        times = []
        thread.start()
        while (frame := await out.get()) is not None:
            assert frame.pts is not None
            times.append(frame.pts)
        thread.join()
        return times, damaged.is_set()

    return run(work())


@both
def test_pictures_come_out_in_order_and_the_end_after_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_DECODED, "video", 100)
    assert decoded(name, coded(name, MOST_WAITING)) == ([3000 * n for n in range(MOST_WAITING)], False)


@both
def test_a_decoder_that_is_behind_goes_on_at_a_key_picture(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_DECODED, "video", 100)
    times, asked = decoded(name, coded(name, 60, keys=(0, 20, 56)))
    assert times == [3000 * n for n in range(56, 60)]
    assert asked


@both
def test_pictures_of_a_burst_keep_their_times(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_DECODED, "video", 100)
    frames = coded(name, 4)
    for frame in frames:
        frame.timestamp = (frame.timestamp + 2**32 - 4000) % 2**32  # as they come from the network, wrapping
    burst = Burst(frames[1])
    burst.behind += frames[2:]
    frames[0].timestamp, burst.timestamp = 0, 3000  # as a receiver moves them
    assert decoded(name, [frames[0], burst]) == ([0, 3000, 6000, 9000], False)


@both
def test_after_a_loss_nothing_is_decoded_up_to_a_key_picture(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predicted from a picture that never came, the others would be a mix of two."""
    monkeypatch.setitem(MOST_DECODED, "video", 100)
    frames = coded(name, 6, keys=(0, 4))
    times, asked = decoded(name, [frames[0], Burst(frames[2], after_loss=True), *frames[3:]])
    assert times == [0, 12000, 15000]
    assert not asked, "the jitter buffer has asked"


@both
def test_what_is_damaged_or_empty_does_not_end_the_stream(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_DECODED, "video", 100)
    frames = coded(name, 4, keys=(0, 2))
    empty, broken = JitterFrame(b"", 1), JitterFrame(b"\x00\x00\x00\x01\x67" if name == "H264" else b"\x10\x02\x00", 1)
    times, asked = decoded(name, [frames[0], empty, frames[1], broken, frames[2], frames[3]])
    assert times == [0, 3000, 6000, 9000]
    assert asked is RAISES


@both
def test_pictures_that_are_too_large_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_DECODED, "video", 100)
    large, fitting = coded(name, 2, size=Size(136, 256)), coded(name, 2, size=Size(160, 120))
    times, asked = decoded(name, [*large, *fitting])
    assert times == [0, 3000]
    assert asked is RAISES


def test_a_packet_that_claims_a_giant_picture_is_refused() -> None:
    [frame] = coded("VP8", 1)
    giant = frame.data[:6] + struct.pack("<HH", 16383, 16383) + frame.data[10:]
    assert vars(decoders_up_to(LARGEST)(codec("VP8")))["codec"].name == "vp8", "libvpx takes a gigabyte first"
    times, asked = decoded("VP8", [JitterFrame(giant, 0), frame])
    assert times == [0]
    assert asked is RAISES


@both
def test_key_pictures_are_told_apart(name: str) -> None:
    assert [is_key_picture(name, one.data) for one in coded(name, 6, keys=(0, 4))] == [
        True,
        False,
        False,
        False,
        True,
        False,
    ]
    assert not is_key_picture(name, b"")


def test_requests_for_a_key_picture_are_few() -> None:
    gap = Gap()
    asked = 0
    for _ in range(90):
        assert gap.leaves_out(False, MOST_WAITING + 1)
        asked += gap.asks()
    assert asked == 3
    assert gap.leaves_out(False, 0), "nothing to predict from"
    assert not gap.leaves_out(True, 0)
    assert not gap.leaves_out(False, MOST_WAITING)


def test_frames_that_nobody_takes_do_not_pile_up() -> None:
    async def work() -> list[int | None]:
        out: asyncio.Queue[Frame | None] = asyncio.Queue()
        for n in range(10):
            frame = VideoFrame(16, 16, "yuv420p")
            frame.pts = n
            hand_over(asyncio.get_running_loop(), out, frame, 2)
        hand_over(asyncio.get_running_loop(), out, None, 3)
        await asyncio.sleep(0)
        return [None if frame is None else frame.pts for frame in (out.get_nowait() for _ in range(out.qsize()))]

    assert run(work()) == [8, 9, None]


def test_a_loop_that_is_closed_ends_the_thread_in_silence() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    hand_over(loop, asyncio.Queue(), None, 2)


def test_a_decoder_that_breaks_ends_the_track() -> None:
    class Broken(Decoder):
        def decode(self, encoded_frame: JitterFrame) -> list[Frame]:
            raise KeyError(encoded_frame.timestamp)

    async def work() -> Frame | None:
        waiting: queue.Queue[tuple[RTCRtpCodecParameters, JitterFrame] | None] = queue.Queue()
        out: asyncio.Queue[Frame | None] = asyncio.Queue()
        waiting.put((codec("VP8"), JitterFrame(b"\x00", 5)))
        with pytest.raises(KeyError):
            await asyncio.to_thread(decode_all, lambda _: Broken(), asyncio.get_running_loop(), waiting, out)
        return await out.get()

    assert run(work()) is None
