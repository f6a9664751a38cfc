"""What turns received pictures and sound into frames: bounded in memory, and newest wins where it cannot keep up.

aiortc's own worker has no bound: what comes faster than it is decoded waits for ever longer, and when a connection ends
the event loop stands still until all of it is decoded.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiortc import codecs
from aiortc.codecs import h264, vpx
from aiortc.codecs.base import Decoder
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.frame import Frame

from rimlight.types import Size

log = logging.getLogger(__name__)

MOST_WAITING = 8  # coded frames; a quarter of a second of pictures
MOST_DECODED = {"video": 2, "audio": 50}  # frames that nobody has taken yet
REMINDER = 30  # pictures left out between two requests for a key picture
BLOCK = 64  # pixels; FFmpeg counts sides as it stores them, rounded up to this at most
# Start code and header of a NAL unit of type 5 (IDR picture) or 7 (sequence header), ITU-T H.264, section 7.3.1.
KEY_UNIT = re.compile(rb"\x00\x00\x01[\x05\x25\x45\x65\x07\x27\x47\x67]")

Decoders: TypeAlias = "Callable[[RTCRtpCodecParameters], Decoder]"
Waiting: TypeAlias = "queue.Queue[tuple[RTCRtpCodecParameters, JitterFrame] | None]"
Decoded: TypeAlias = "asyncio.Queue[Frame | None]"


class Burst(JitterFrame):
    """Coded pictures that became whole at once, as one: aiortc's receivers take one at a time from a jitter buffer.

    data and timestamp are those of the first; behind: the others, in order. after_loss: one before them is lost, and
    they cannot be decoded rightly up to the next key picture.
    A receiver moves the timestamp so that a stream begins at 0; `apart` moves the others by as much.
    """

    def __init__(self, first: JitterFrame, after_loss: bool = False) -> None:
        super().__init__(first.data, first.timestamp)
        self.behind: list[JitterFrame] = []
        self.after_loss = after_loss
        self._first = first.timestamp

    def apart(self) -> list[JitterFrame]:
        """All pictures, each with its own time."""
        times = [self.timestamp + (frame.timestamp - self._first) % 2**32 for frame in self.behind]
        others = [JitterFrame(frame.data, time) for frame, time in zip(self.behind, times, strict=True)]
        return [JitterFrame(self.data, self.timestamp), *others]


@dataclass(frozen=True, slots=True)
class Worker:
    """A receiver's thread in place of aiortc's; see decode_all. largest: pictures with more pixels are refused."""

    largest: Size

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        waiting: Waiting,
        decoded: Decoded,
        damaged: threading.Event | None = None,
    ) -> None:
        decode_all(decoders_up_to(self.largest), loop, waiting, decoded, damaged)


class Gap:
    """Whether pictures are left out: from a loss, or when too many wait, up to a key picture that few wait behind."""

    def __init__(self) -> None:
        self.left_out = 0

    def begin(self) -> None:
        """Leave out what comes; a key picture has been asked for."""
        self.left_out = max(self.left_out, 1)

    def leaves_out(self, is_key: bool, waiting: int) -> bool:
        """Whether the picture at hand is to be left out; waiting: how many there are behind it."""
        if waiting > MOST_WAITING or (self.left_out and not is_key):
            self.left_out += 1
            return True
        self.left_out = 0
        return False

    def asks(self) -> bool:
        """Whether the sender should be asked for a key picture."""
        return self.left_out % REMINDER == 1


def decode_all(
    decoder_for: Decoders,
    loop: asyncio.AbstractEventLoop,
    waiting: Waiting,
    decoded: Decoded,
    damaged: threading.Event | None = None,
) -> None:
    """Decode what waits until None comes, hand the frames to the loop, None at the end.

    damaged: set where the sender has to be asked for a key picture.
    """
    name, decoder, gap = "", None, Gap()
    damaged = damaged or threading.Event()
    try:
        while (task := waiting.get()) is not None:
            codec, coded = task
            if decoder is None or codec.name != name:
                name, decoder = codec.name, decoder_for(codec)
            if isinstance(coded, Burst) and coded.after_loss:
                gap.begin()
            for one in coded.apart() if isinstance(coded, Burst) else [coded]:
                kind = codec.mimeType.split("/")[0]
                for frame in _decoded(decoder, gap, codec, one, waiting.qsize(), damaged):
                    hand_over(loop, decoded, frame, MOST_DECODED[kind])
    finally:
        hand_over(loop, decoded, None, max(MOST_DECODED.values()))


def _decoded(
    decoder: Decoder, gap: Gap, codec: RTCRtpCodecParameters, coded: JitterFrame, behind: int, damaged: threading.Event
) -> list[Frame]:
    """The frames of one coded frame; none where it is left out or cannot be decoded."""
    if not coded.data:
        return []  # padding; a decoder would take it for the end of the stream
    is_key = codec.mimeType.startswith("audio/") or is_key_picture(codec.name, coded.data)
    if gap.leaves_out(is_key, behind):
        if gap.asks():
            damaged.set()
        return []
    try:
        return decoder.decode(coded)
    except FFmpegError as error:
        log.info("a %s frame of %d bytes cannot be decoded: %s", codec.name, len(coded.data), error)
        damaged.set()
        return []


def hand_over(loop: asyncio.AbstractEventLoop, decoded: Decoded, frame: Frame | None, most: int) -> None:
    """Put a frame into a queue of the loop, in place of the oldest if most are there. A closed loop takes nothing."""

    def put() -> None:
        if decoded.qsize() >= most:
            decoded.get_nowait()
        decoded.put_nowait(frame)

    try:
        loop.call_soon_threadsafe(put)
    except RuntimeError:
        if not loop.is_closed():
            raise


def is_key_picture(codec: str, data: bytes) -> bool:
    """Whether decoding can begin with this picture; codec: "VP8" (RFC 6386, section 9.1) or "H264" in byte streams."""
    if codec.upper() == "VP8":
        return bool(data) and not data[0] & 1
    return KEY_UNIT.search(data) is not None


def decoders_up_to(largest: Size) -> Decoders:
    """aiortc's decoders, but those of pictures refuse more pixels than largest has, before they take memory for them.

    A picture that is refused counts as damaged: the sender is asked for a key picture, and decoding goes on.
    """
    height, width = (-(-side // BLOCK) * BLOCK for side in (largest.height, largest.width))
    limit = {"max_pixels": str(height * width)}

    def decoder_for(codec: RTCRtpCodecParameters) -> Decoder:
        decoder: Any = codecs.get_decoder(codec)
        if isinstance(decoder, vpx.Vp8Decoder):
            decoder.codec = CodecContext.create("vp8", "r")  # FFmpeg's own; libvpx takes the memory first
        if isinstance(decoder, (vpx.Vp8Decoder, h264.H264Decoder)):
            decoder.codec.options = limit
            decoder.codec.thread_count = 1  # there is one for every publisher; more gain nothing at these sizes
        return decoder  # type: ignore[no-any-return]

    return decoder_for
