from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import SessionDescription
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rimlight.errors import RimlightError
from rimlight.realtime.serve.offers import MOST_BYTES, Offer, OfferError, check_offer, tuned_answer
from tests.realtime.serve.clients import run

SAMPLES = {path.stem: path.read_bytes().decode() for path in (Path(__file__).parent / "offers").glob("*.sdp")}
CHROMIUM = SAMPLES["chromium"]
BOTH = ("VP8", "H264")
EXPECTED = {
    "chromium": Offer(wants_video=True, has_audio=False, codecs=BOTH, candidates=4),
    "chromium_with_sound": Offer(wants_video=False, has_audio=True, codecs=BOTH, candidates=8),
    "firefox": Offer(wants_video=True, has_audio=False, codecs=BOTH, candidates=3),
    "obs": Offer(wants_video=False, has_audio=True, codecs=("H264",), candidates=2),
    "ffmpeg": Offer(wants_video=False, has_audio=True, codecs=("H264",), candidates=0),
}


def refused(sdp: str, status: int, *, receives: bool = False) -> str:
    """The text with which an offer is refused."""
    with pytest.raises(OfferError) as caught:
        check_offer(sdp, receives=receives)
    assert caught.value.status == status
    assert isinstance(caught.value, RimlightError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def without(pattern: str, sdp: str = CHROMIUM) -> str:
    """The offer without the lines that begin so."""
    shorter = "".join(line for line in sdp.splitlines(keepends=True) if not re.match(pattern, line))
    assert shorter != sdp
    return shorter


def swapped(old: str, new: str, sdp: str = CHROMIUM) -> str:
    assert old in sdp
    return sdp.replace(old, new)


@pytest.mark.parametrize("name", list(EXPECTED))
def test_offers_of_publishers_are_read(name: str) -> None:
    assert check_offer(SAMPLES[name], receives=False) == EXPECTED[name]


def test_offers_of_viewers_are_read() -> None:
    wanted = Offer(wants_video=True, has_audio=True, codecs=BOTH, candidates=4)
    assert check_offer(SAMPLES["chromium_watches"], receives=True) == wanted
    assert check_offer(CHROMIUM, receives=True).wants_video


def test_the_offer_of_aiortc_is_read() -> None:
    async def offered() -> str:
        peer = RTCPeerConnection(RTCConfiguration([]))
        peer.addTransceiver("video", direction="sendonly")
        peer.addTransceiver("audio", direction="inactive")
        offer = await peer.createOffer()
        await peer.close()
        return offer.sdp

    read = check_offer(run(offered()), receives=False)
    assert read == Offer(wants_video=False, has_audio=False, codecs=BOTH, candidates=0)


def test_directions_that_do_not_fit_are_refused() -> None:
    text = refused(SAMPLES["chromium_watches"], 400)
    assert text == "a publisher sends video: expected a=sendrecv or a=sendonly, got a=recvonly"
    assert "a viewer receives video" in refused(SAMPLES["obs"], 400, receives=True)
    assert "no direction" in refused(without("a=sendrecv"), 400)


def only(codecs: str) -> str:
    """Chromium's offer with the codecs of these payload types."""
    types = codecs.split()
    sdp = re.sub(r"^(m=video \d+ \S+) .*$", rf"\1 {codecs}", CHROMIUM, flags=re.MULTILINE)
    return without(rf"a=(rtpmap|fmtp|rtcp-fb):(?!({'|'.join(types)}) )", sdp)


@pytest.mark.parametrize(
    ("sdp", "has"),
    [
        (only("45 46"), "AV1"),
        (only("98 99 45 118 120"), "AV1, VP9"),
        (only("116 104"), "H264 (profile-level-id=42001f, packetization-mode=0), H264 (profile-level-id=4d001f, "),
        (only("118"), "no codec"),
    ],
)
def test_codecs_without_a_common_one_are_named(sdp: str, has: str) -> None:
    text = refused(sdp, 422)
    assert text.startswith(
        "this server speaks VP8 and H264 (baseline, packetization-mode=1); the offer has only " + has
    )


def test_one_common_codec_is_enough() -> None:
    assert check_offer(only("108 109 45"), receives=False).codecs == ("H264",)
    assert check_offer(only("98 96"), receives=False).codecs == ("VP8",)


def test_payload_types_that_aiortc_would_answer_with_others_are_refused() -> None:
    sdp = swapped("a=rtpmap:45 AV1", "a=rtpmap:45 VP8", only("45 46"))
    assert "outside 96 to 127" in refused(sdp, 422)


def test_sound_without_a_common_codec_is_refused() -> None:
    sdp = swapped("opus/48000/2", "mp4a-latm/48000/2", SAMPLES["obs"])
    assert refused(sdp, 422) == "the offer's sound has only mp4a-latm; offer Opus or leave the sound out"


def test_what_is_not_one_video_is_refused() -> None:
    head, section = CHROMIUM.split("m=video", 1)
    second = section.replace("a=mid:0", "a=mid:1")
    assert "expected one video section, got 2" in refused(f"{head}m=video{section}m=video{second}", 400)
    assert "expected one video section, got 0" in refused(head, 400)
    assert "open no data channel" in refused(SAMPLES["chromium_with_data"], 400)
    assert "most 8 sections, got 9" in refused(head + 9 * "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 400)
    sound = SAMPLES["obs"].replace("m=video", "m=audio")
    assert "expected one video section, got 0" in refused(sound, 400)


@pytest.mark.parametrize(
    ("sdp", "names"),
    [
        (without("a=ice-ufrag"), "ice-ufrag"),
        (swapped("a=ice-pwd:", "a=ice-pwd:short\r\na=x:"), "ice-pwd"),
        (swapped("a=ice-ufrag:4q9O", "a=ice-ufrag:ä q9O"), "SDP does not"),
        (swapped("a=ice-ufrag:4q9O", "a=ice-ufrag:4q9O -"), "ice-ufrag"),
        (without("a=fingerprint"), "fingerprint"),
        (swapped("sha-256", "md5"), "unencrypted media is not taken"),
        (without("a=setup"), "a=setup"),
        (without("a=rtcp-mux"), "a=rtcp-mux"),
        (swapped("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "RTP/AVP"),
        (without("a=mid"), "no name (a=mid)"),
        (swapped("a=mid:0", "a=mid:0 1"), "no name (a=mid)"),
        (swapped("a=group:BUNDLE 0", "a=group:BUNDLE 1"), "do not fit"),
        (swapped("a=group:BUNDLE 0", "a=group:BUNDLE 0 0"), "do not fit"),
        (swapped("a=group:BUNDLE 0 1", "a=group:BUNDLE 0", SAMPLES["obs"]), "max-bundle"),
        (swapped("m=video 39308", "m=video 0"), "port 0"),
        (swapped("a=extmap:1 ", "a=extmap:256 "), "a=extmap"),
        (swapped(" 39308 typ", " 70000 typ"), "port 70000"),
        (swapped(" 1 udp ", " 3 udp "), "component 3"),
        (swapped(" c7481774-91c6-41e8-8610-b1c517358ebd\r\na=rtcp", " \r\na=rtcp"), "IndexError"),
        (CHROMIUM + 70 * "a=candidate:1 1 udp 1 192.0.2.2 5 typ host\r\n", "at most 64 ICE candidates, got 74"),
        (CHROMIUM + 1000 * "a=x\r\n", "at most 1024 lines"),
        (CHROMIUM + 110 * "a=rtpmap:96 VP8/90000\r\n", "128 codecs, got 244 and 133"),
        (swapped("packetization-mode=1;", "packetization-mode;"), "TypeError"),
        (swapped("apt=96", "apt=many"), "ValueError"),
        (swapped("b1c517358ebd", "b1c517358ebd\0"), "'\\x00'"),
        ("", "begins with v=0, got ''"),
        ("{}", "begins with v=0"),
    ],
)
def test_what_a_connection_needs_is_asked_for(sdp: str, names: str) -> None:
    assert names in refused(sdp, 400)


def test_a_section_that_shares_a_port_is_taken() -> None:
    sdp = swapped("m=video 9 ", "m=video 0 ", SAMPLES["chromium_watches"]) + "a=bundle-only\r\n"
    assert check_offer(sdp, receives=True).wants_video


def test_an_offer_that_is_too_long_is_not_parsed() -> None:
    assert str(MOST_BYTES) in refused("v=0\r\n" + "x" * MOST_BYTES, 413)


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """A real offer with some of its lines and characters changed."""
    lines = draw(st.sampled_from(sorted(SAMPLES.values()))).splitlines()
    everything = sorted({line for sdp in SAMPLES.values() for line in sdp.splitlines()})
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = draw(st.integers(0, len(line)))
        odd = draw(
            st.sampled_from(["", " ", ":", "=", ";", "/", "-1", "0", "99999999999", "m=video 9 A/ 96", "\r", "ä", "\0"])
        )
        changes: list[Callable[[], list[str]]] = [
            lambda: [],
            lambda line=line: [line, line],
            lambda line=line, cut=cut: [line[:cut]],
            lambda line=line, cut=cut, odd=odd: [line[:cut] + odd + line[cut:]],
            lambda line=line, cut=cut, odd=odd: [line[:cut] + odd + line[cut + 1 :]],
            lambda: [draw(st.sampled_from(everything))],
            lambda line=line: [line, draw(st.sampled_from(everything))],
        ]
        lines[at : at + 1] = draw(st.sampled_from(changes))()
        lines = lines or [""]
    text = "\r\n".join(lines) + "\r\n"
    return text[: draw(st.integers(0, len(text)))] if draw(st.integers(0, 9)) == 0 else text


@settings(deadline=None)
@given(
    st.one_of(mangled(), st.text(max_size=200), st.text(max_size=200).map(lambda text: "v=0\n" + text)), st.booleans()
)
@example("v=0\r\nm=video 9 A/ 96\r\na=mid", True)
def test_any_text_is_an_offer_or_an_error_for_people(sdp: str, receives: bool) -> None:
    read = outcome(sdp, receives)
    if isinstance(read, OfferError):
        assert read.status in (400, 413, 422)
        assert 10 < len(str(read)) < 500
    else:
        assert read.codecs
        assert read.wants_video or not receives


def outcome(sdp: str, receives: bool) -> Offer | OfferError:
    """What the check makes of a text; any other exception fails the test."""
    try:
        return check_offer(sdp, receives=receives)
    except OfferError as error:
        return error


async def answered(sdp: str) -> str:
    """What aiortc answers; neither candidates nor names are looked up."""
    peer = RTCPeerConnection(RTCConfiguration([]))
    try:
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return peer.localDescription.sdp
    finally:
        await peer.close()


@settings(deadline=None)
@given(mangled())
def test_what_is_accepted_can_be_answered(sdp: str) -> None:
    sdp = re.sub(r"^a=candidate.*$", "a=x", sdp, flags=re.MULTILINE)
    if isinstance(outcome(sdp, False), OfferError):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aioice.ice.get_host_addresses", lambda **_: [])
        answer = run(answered(sdp))
    SessionDescription.parse(tuned_answer(answer, 1, 2, 3))


RATES = {"x-google-start-bitrate": "2500", "x-google-min-bitrate": "600", "x-google-max-bitrate": "4000"}


@pytest.mark.parametrize("name", list(EXPECTED))
def test_an_answer_says_how_fast_to_begin(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_: [])
    plain = run(answered(re.sub(r"^a=candidate.*$", "a=x", SAMPLES[name], flags=re.MULTILINE)))
    tuned = tuned_answer(plain, 2500, 600, 4000)
    before, after = SessionDescription.parse(plain), SessionDescription.parse(tuned)
    for old, new in zip(before.media, after.media, strict=True):
        for was, now in zip(old.rtp.codecs, new.rtp.codecs, strict=True):
            is_coded = was.name in ("VP8", "H264")
            assert now.parameters == (was.parameters | RATES if is_coded else was.parameters)
    assert {codec.name for media in after.media for codec in media.rtp.codecs} >= set(EXPECTED[name].codecs)
    lines = tuned.splitlines()
    kinds = [line[:2] for line in lines[lines.index(next(line for line in lines if line.startswith("m=video"))) :]]
    assert kinds[:3] == ["m=", "c=", "b="], "the order of RFC 8866, section 5"
    assert lines.count("b=TIAS:4000000") == 1
    assert tuned.endswith("\r\n")
    assert "\n\n" not in tuned.replace("\r", "")
