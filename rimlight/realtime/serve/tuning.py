"""aiortc's codecs adjusted, once per process and before the first connection: bit rates, encoders, decoding in bounds.

Its own ways suit a small video chat among friends: VP8 ends at 1.5 Mbit/s, H264 takes three times as long as it has to
and carries no colour tags, a packet that claims a picture of 16383x16383 makes the decoder take a gigabyte, and one
empty datagram from anybody ends a connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from aioice.ice import Connection
from aiortc import codecs, rtcrtpreceiver, rtcrtpsender
from aiortc.codecs import h264, vpx
from aiortc.codecs.base import Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecCapability, RTCRtpCodecParameters

from rimlight.errors import ConfigError
from rimlight.realtime.serve.decoding import Worker
from rimlight.realtime.serve.encoders import H264Encoder, Vp8Encoder
from rimlight.realtime.serve.internals import check_internals, swap
from rimlight.types import Size

Preferred = Literal["auto", "vp8", "h264"]

MOST_DATAGRAMS = 4096  # that wait for the event loop; two seconds of 1080p
RATES = ("DEFAULT_BITRATE", "MIN_BITRATE", "MAX_BITRATE")
INTERNALS = (
    *(f"aiortc.codecs.{codec}:{rate}" for codec in ("h264", "vpx") for rate in RATES),
    "aiortc.codecs.h264:H264Encoder._packetize",
    "aiortc.codecs.h264:H264Encoder._split_bitstream",
    "aiortc.codecs.vpx:Vp8Encoder._packetize",
    "aiortc.rtcrtpsender:get_encoder",
    "aiortc.rtcrtpreceiver:decoder_worker",
    "aioice.ice:Connection.data_received",
)


@dataclass(frozen=True, slots=True)
class Bitrates:
    """What is sent, in bit/s: at first, at least and at most; in between as the other side's estimate says.

    Raises ConfigError where they are out of order.
    """

    start_bps: int = 2_500_000
    min_bps: int = 500_000
    max_bps: int = 2_500_000

    def __post_init__(self) -> None:
        if not 0 < self.min_bps <= self.start_bps <= self.max_bps:
            given = f"{self.min_bps}, {self.start_bps}, {self.max_bps}"
            raise ConfigError(f"expected bit rates as 0 < lowest <= first <= highest, got {given} bit/s")


def install(bitrates: Bitrates, largest: Size) -> None:
    """Adjust what connections made from now on use; may be called again with other values.

    largest: pictures with more pixels are not decoded. Raises InternalsError where aiortc has changed.
    """
    check_internals(INTERNALS)
    values = (bitrates.start_bps, bitrates.min_bps, bitrates.max_bps)
    for module in (h264, vpx):
        for name, value in zip(RATES, values, strict=True):
            swap(module, name, value)
    swap(rtcrtpsender, "get_encoder", encoder_for)
    swap(rtcrtpreceiver, "decoder_worker", Worker(largest))
    swap(Connection, "data_received", take_datagram)


@contextmanager
def tuned(bitrates: Bitrates, largest: Size) -> Iterator[None]:
    """Install, and put back what was there before."""
    places: list[tuple[ModuleType | type, str]] = [(module, name) for module in (h264, vpx) for name in RATES]
    places += [(rtcrtpsender, "get_encoder"), (rtcrtpreceiver, "decoder_worker"), (Connection, "data_received")]
    before = [(owner, name, vars(owner)[name]) for owner, name in places]
    install(bitrates, largest)
    try:
        yield
    finally:
        for owner, name, value in before:
            swap(owner, name, value)


def preferences(codec: Preferred) -> list[RTCRtpCodecCapability]:
    """For RTCRtpTransceiver.setCodecPreferences, to be called before the offer is set; "auto" leaves it to the offer.

    Both codecs stay possible: the other one is taken where the offer has it only.
    """
    if codec == "auto":
        return []
    return sorted(codecs.get_capabilities("video").codecs, key=lambda one: one.name.lower() != codec)


def encoder_for(codec: RTCRtpCodecParameters) -> Encoder:
    """What aiortc asks for an encoder; sound is left to it."""
    ours: dict[str, type[Encoder]] = {"video/h264": H264Encoder, "video/vp8": Vp8Encoder}
    made = ours.get(codec.mimeType.lower())
    return made() if made else codecs.get_encoder(codec)


def take_datagram(connection: Connection, data: bytes, component: int) -> None:
    """In place of aioice's own: an empty datagram, which anybody may send, would end the connection; none pile up."""
    waiting = connection._queue
    if data and waiting.qsize() < MOST_DATAGRAMS:
        waiting.put_nowait((data, component))
