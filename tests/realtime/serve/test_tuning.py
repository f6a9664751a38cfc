from __future__ import annotations

import pytest
from aioice.ice import Connection
from aiortc import RTCConfiguration, RTCPeerConnection, rtcrtpreceiver, rtcrtpsender
from aiortc.codecs import h264, vpx
from aiortc.codecs.opus import OpusEncoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from rimlight.errors import ConfigError
from rimlight.realtime.serve.encoders import H264Encoder, Vp8Encoder
from rimlight.realtime.serve.internals import InternalsError
from rimlight.realtime.serve.offers import check_offer
from rimlight.realtime.serve.tuning import MOST_DATAGRAMS, Bitrates, Preferred, install, preferences, tuned
from rimlight.types import Size
from tests.realtime.serve.clients import run

RATES = Bitrates(start_bps=3_000_000, min_bps=300_000, max_bps=6_000_000)
LARGEST = Size(1080, 1920)


def codec(mime_type: str) -> RTCRtpCodecParameters:
    return RTCRtpCodecParameters(mimeType=mime_type, clockRate=90000, payloadType=96)


def test_senders_get_these_encoders_at_these_rates() -> None:
    with tuned(RATES, LARGEST):
        for mime_type, kind in [("video/VP8", Vp8Encoder), ("video/H264", H264Encoder)]:
            encoder = rtcrtpsender.get_encoder(codec(mime_type))
            assert isinstance(encoder, kind)
            assert encoder.target_bitrate == 3_000_000
            encoder.target_bitrate = 99_000_000
            assert encoder.target_bitrate == 6_000_000
            encoder.target_bitrate = 1
            assert encoder.target_bitrate == 300_000
        assert isinstance(rtcrtpsender.get_encoder(codec("audio/opus")), OpusEncoder)


def test_installing_again_changes_the_values_only() -> None:
    before = (rtcrtpsender.get_encoder, rtcrtpreceiver.decoder_worker, vpx.MAX_BITRATE, h264.DEFAULT_BITRATE)
    with tuned(RATES, LARGEST):
        install(Bitrates(), LARGEST)
        encoder = rtcrtpsender.get_encoder
        install(Bitrates(), LARGEST)
        assert rtcrtpsender.get_encoder is encoder
        assert vpx.MAX_BITRATE == h264.MAX_BITRATE == Bitrates().max_bps
    assert (rtcrtpsender.get_encoder, rtcrtpreceiver.decoder_worker, vpx.MAX_BITRATE, h264.DEFAULT_BITRATE) == before


@pytest.mark.parametrize("rates", [(1, 2, 3), (3, 1, 2), (2, 0, 3)])
def test_rates_out_of_order_are_refused(rates: tuple[int, int, int]) -> None:
    with pytest.raises(ConfigError, match="lowest <= first <= highest, got"):
        Bitrates(*rates)


def test_an_aiortc_without_the_parts_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(rtcrtpsender, "get_encoder")
    before = vpx.MAX_BITRATE
    with pytest.raises(InternalsError, match=r"aiortc \d+\.\d+.* lacks aiortc.rtcrtpsender:get_encoder"):
        install(RATES, LARGEST)
    assert before == vpx.MAX_BITRATE


def test_datagrams_of_strangers_neither_end_a_connection_nor_pile_up() -> None:
    with tuned(RATES, LARGEST):
        connection = Connection(ice_controlling=True)
        for data in [b"", b"\x80", b""] + [b"\x16"] * (MOST_DATAGRAMS + 5):
            connection.data_received(data, 1)
        waiting = connection._queue
        assert waiting.qsize() == MOST_DATAGRAMS
        assert waiting.get_nowait() == (b"\x80", 1)


@pytest.mark.parametrize(("preferred", "first"), [("vp8", "VP8"), ("h264", "H264"), ("auto", "VP8")])
def test_the_preferred_codec_is_answered_first(preferred: Preferred, first: str) -> None:
    answer = run(answered(preferred))
    assert check_offer(answer, receives=False).codecs[0] == first
    assert set(check_offer(answer, receives=False).codecs) == {"VP8", "H264"}
    assert "rtx/90000" in answer


async def answered(preferred: Preferred) -> str:
    """The answer to aiortc's own offer, VP8 first."""
    offering, answering = RTCPeerConnection(RTCConfiguration([])), RTCPeerConnection(RTCConfiguration([]))
    offering.addTransceiver("video")
    answering.addTransceiver("video").setCodecPreferences(preferences(preferred))
    await answering.setRemoteDescription(await offering.createOffer())
    answer = await answering.createAnswer()
    await offering.close()
    await answering.close()
    return answer.sdp
