"""A jitter buffer that hands on a picture as soon as it is whole, instead of when the next one begins.

The last packet of a picture carries the marker bit (RFC 7741, section 4.1 for VP8; RFC 6184, section 5.1 for H264), so
to wait for the next picture's first packet costs a whole frame interval. Sequence numbers wrap at 65536; the origin is
the number of the packet that is awaited next.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiortc import rtcrtpreceiver
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.rtp import RtpPacket

from rimlight.realtime.serve.decoding import Burst, Worker
from rimlight.realtime.serve.internals import check_internals, swap
from rimlight.types import MAX_SIDE, Size

WRAP = 1 << 16
INTERNALS = (
    "aiortc.rtcrtpreceiver:JitterBuffer",
    "aiortc.rtcrtpreceiver:decoder_worker",
    "aiortc.jitterbuffer:JitterBuffer._remove_frame",
    "aiortc.jitterbuffer:JitterBuffer.remove",
    "aiortc.jitterbuffer:JitterBuffer.smart_remove",
)


class LowDelayBuffer(JitterBuffer):
    """aiortc's jitter buffer, where a marker ends a picture too.

    A picture is handed on when its packets have come without a gap and either the last of them carries the marker or
    the next picture's first packet is there, which is the only rule of the original. Sound is treated as before. More
    things differ, so that no picture waits for its successors, none comes in parts and none stops the stream:
    - When a packet that was missing comes, all pictures that have waited for it are handed on, in one Burst. The
      original hands on one for each packet that comes from then on.
    - After a jump over lost packets the first picture is left out: its beginning may be among the lost. The next Burst
      says so, and the sender is asked for a key picture. The very first picture of a stream is taken, as before.
    - Packets that follow a picture's marker but carry its timestamp are dropped. Without content they are padding, and
      a picture without content would end the decoder for good. With content they show that this sender's markers mean
      something else: from then on only the original's rule holds.
    - A copy that comes very late is dropped. The original takes it for the start of a new stream, and then waits for
      packets that never come; a new stream has another source number (SSRC).
    """

    def __init__(self, capacity: int, prefetch: int = 0, is_video: bool = False) -> None:
        super().__init__(capacity, prefetch, is_video)
        self._early = is_video and prefetch == 0
        self._trusts_markers = True
        self._source: int | None = None
        self._jumped = False  # the picture at the origin may lack its beginning
        self._lost = False  # a picture, since the last that was handed on
        self._over: int | None = None  # timestamp of a picture of which no packet is wanted any more
        self._given = False  # that picture was handed on
        self._run = 0  # packets at the origin that are known to be there and of one picture
        self._asks = False  # for a key picture

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Whether the sender should be asked for a key picture, and the pictures that are whole now, as one Burst."""
        if not self._early:
            return super().add(packet)
        if self._origin is not None and packet.ssrc == self._source:
            behind = (self._origin - packet.sequence_number) % WRAP
            if 0 < behind <= self.capacity:
                return False, None
        self._source = packet.ssrc
        asks, frame = super().add(packet)
        asks, self._asks = asks or self._asks, False
        return asks, frame

    def remove(self, count: int) -> None:
        """Drop count packets from the origin on; the original does so with all of them to begin anew."""
        self._drop(count)
        if count == self.capacity:
            self._jump()

    def smart_remove(self, count: int) -> bool:
        """Give up the oldest pictures, of at least count packets; True where nothing is left."""
        self._jump()
        return super().smart_remove(count)

    def _jump(self) -> None:
        self._jumped = self._lost = True
        self._over, self._given, self._run = None, False, 0

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        """The pictures at the origin that are whole, as one burst; called once for each packet that was stored."""
        if not self._early:
            return super()._remove_frame(sequence_number)
        burst: Burst | None = None
        self._pass_over()
        while length := self._whole():
            frame = self._take(length)
            self._pass_over()
            if burst is not None and frame.data:
                burst.behind.append(frame)
            elif frame.data:
                burst, self._lost = Burst(frame, self._lost), False
        return burst

    def _pass_over(self) -> None:
        """Drop packets at the origin that belong to a picture which is not wanted, or not wanted again."""
        while (packet := self._stored(0)) is not None:
            if self._jumped:
                self._jumped, self._over = False, packet.timestamp
            if packet.timestamp != self._over:
                self._over, self._given = None, False
                return
            if self._trusts_markers and self._given and packet._data:  # type: ignore[attr-defined]
                self._trusts_markers, self._asks = False, True
            self._drop(1)

    def _whole(self) -> int:
        """Packets of the picture at the origin if it is whole, else 0."""
        first = self._stored(0)
        if first is None:
            return 0
        while self._run < self.capacity:
            packet = self._stored(self._run)
            if packet is None:
                break
            if packet.timestamp != first.timestamp:
                return self._run
            self._run += 1
        last = self._stored(self._run - 1)
        return self._run if last is not None and last.marker and self._trusts_markers else 0

    def _take(self, length: int) -> JitterFrame:
        packets = [packet for count in range(length) if (packet := self._stored(count)) is not None]
        self._over, self._given = packets[0].timestamp, True
        self._drop(length)
        data = b"".join(packet._data for packet in packets)  # type: ignore[attr-defined]
        return JitterFrame(data, packets[0].timestamp)

    def _drop(self, count: int) -> None:
        self._run = 0
        super().remove(count)

    def _stored(self, count: int) -> RtpPacket | None:
        """The packet so many after the origin."""
        assert self._origin is not None
        return self._packets[(self._origin + count) % self.capacity]


def install() -> None:
    """Give every receiver that is made from now on a LowDelayBuffer, and a Worker, which takes what it hands on.

    Raises InternalsError where aiortc has changed.
    """
    check_internals(INTERNALS)
    swap(rtcrtpreceiver, "JitterBuffer", LowDelayBuffer)
    if not isinstance(vars(rtcrtpreceiver)["decoder_worker"], Worker):
        swap(rtcrtpreceiver, "decoder_worker", Worker(Size(MAX_SIDE, MAX_SIDE)))


@contextmanager
def low_delay() -> Iterator[None]:
    """Install, and put back what was there before."""
    before = {name: vars(rtcrtpreceiver)[name] for name in ("JitterBuffer", "decoder_worker")}
    install()
    try:
        yield
    finally:
        for name, value in before.items():
            swap(rtcrtpreceiver, name, value)
