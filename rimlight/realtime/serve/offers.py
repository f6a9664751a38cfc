"""Offers from the network, checked before anything acts on them, and answers that let a browser start sharp.

The words are those of SDP (RFC 8866) as WebRTC uses it (RFC 9429): a description has sections, each begins with "m=".
Nothing here opens a socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from aiortc.codecs import CODECS, is_rtx
from aiortc.rtcdtlstransport import X509_DIGEST_ALGORITHMS
from aiortc.rtcicetransport import RTCIceCandidate
from aiortc.rtcpeerconnection import find_common_codecs
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.sdp import MediaDescription, SessionDescription, grouplines

from rimlight.errors import RimlightError

MOST_BYTES = 64 * 1024
MOST_LINES = 1024  # browsers send 100 to 400; the parser's time grows with lines times codecs
MOST_CODECS = 128  # as many as there are payload types
MOST_SECTIONS = 8
MOST_CANDIDATES = 64

SPOKEN = "VP8 and H264 (baseline, packetization-mode=1)"
HELPERS = frozenset({"rtx", "red", "ulpfec", "flexfec-03"})  # of repair and redundancy: no codecs of their own
PUBLISHES = ("sendrecv", "sendonly")
WATCHES = ("recvonly", "sendrecv")

CONTROL = re.compile(r"[^\t\n\r\x20-\x7e]")
ICE_NAME = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839, section 5.4
ICE_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
MID = re.compile(r"[!-~]{1,64}")
# All that a parser of text raises where the text is not what it takes it for.
PARSER_FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, StopIteration, TypeError, ValueError)


class OfferError(RimlightError):
    """An offer cannot be answered; status is the HTTP status that says so."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Offer:
    """What a checked offer asks for.

    wants_video: it takes pictures. has_audio: it has an audio section that is not inactive. codecs: of those spoken
    here, in the other side's order: "VP8", "H264". candidates: addresses it can be reached at; where it is 0 the other
    side has to find us.
    """

    wants_video: bool
    has_audio: bool
    codecs: tuple[str, ...]
    candidates: int


def check_offer(sdp: str, *, receives: bool) -> Offer:
    """What an offer asks for; one that passes can be given to aiortc. receives: the other side only watches.

    Raises OfferError with status 413 for one that is too long, 422 where no codec is common, 400 for all else.
    """
    _check_text(sdp)
    with _refusing():
        session = SessionDescription.parse(sdp)
        video, audio = _sections(session)
        for section, lines in zip(session.media, grouplines(sdp)[1], strict=True):
            _check_section(section, lines)
            session.webrtc_track_id(section)  # aiortc asks for it later
        _check_bundle(session)
        codecs = _spoken(video)
        if audio is not None and not _common(audio):
            raise OfferError(422, f"the offer's sound has only {_names(audio)}; offer Opus or leave the sound out")
        candidates = _check_candidates(session.media)
    allowed, who = (WATCHES, "a viewer receives") if receives else (PUBLISHES, "a publisher sends")
    if video.direction not in allowed:
        raise OfferError(400, f"{who} video: expected a={' or a='.join(allowed)}, got a={video.direction}")
    return Offer(
        wants_video=video.direction in WATCHES,
        has_audio=audio is not None and audio.direction != "inactive",
        codecs=codecs,
        candidates=candidates,
    )


def tuned_answer(sdp: str, start_kbps: int, min_kbps: int, max_kbps: int) -> str:
    """The answer with bit rates for the video that the other side sends.

    Chromium and Safari read x-google-… of a codec's parameters; else they begin at 300 kbit/s, which turns 720p into
    360p for most of a minute. Firefox reads b=TIAS (RFC 3890).
    """
    rates = f"x-google-start-bitrate={start_kbps};x-google-min-bitrate={min_kbps};x-google-max-bitrate={max_kbps}"
    sections = re.split(r"^(?=m=)", sdp, flags=re.MULTILINE)
    return "".join(_tuned(one, rates, max_kbps) if one.startswith("m=video ") else one for one in sections)


def _tuned(section: str, rates: str, max_kbps: int) -> str:
    lines = section.splitlines()
    types = re.findall(r"^a=rtpmap:(\d+) (?:VP8|H264)/", section, flags=re.MULTILINE | re.IGNORECASE)
    for payload_type in types:
        begin = f"a=fmtp:{payload_type} "
        at = next((i for i, line in enumerate(lines) if line.startswith(begin)), None)
        if at is not None:
            lines[at] += ";" + rates
        else:
            codec = next(i for i, line in enumerate(lines) if line.startswith(f"a=rtpmap:{payload_type} "))
            lines.insert(codec + 1, begin + rates)
    first = next((i for i, line in enumerate(lines) if line[:2] in ("b=", "k=", "a=")), len(lines))
    lines.insert(first, f"b=TIAS:{max_kbps * 1000}")
    return "".join(line + "\r\n" for line in lines)


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn a parser's failure into OfferError: aiortc's has no error of its own."""
    try:
        yield
    except PARSER_FAILURES as error:
        reason = f"{type(error).__name__} {error}".strip()[:100]
        raise OfferError(400, f"the offer cannot be read as SDP ({reason}); send what createOffer made") from error


def _check_text(sdp: str) -> None:
    if len(sdp) > MOST_BYTES:
        raise OfferError(413, f"expected an offer of at most {MOST_BYTES} bytes, got {len(sdp)}; offer fewer codecs")
    strange = CONTROL.search(sdp)
    if strange:
        raise OfferError(400, f"the offer holds {strange[0]!r}, which SDP does not; send what createOffer made")
    lines = sdp.splitlines()
    codecs = sum(line.startswith("a=rtpmap") for line in lines)
    if len(lines) > MOST_LINES or codecs > MOST_CODECS:
        most = f"{MOST_LINES} lines and {MOST_CODECS} codecs"
        raise OfferError(400, f"expected an offer of at most {most}, got {len(lines)} and {codecs}; offer fewer")
    if not sdp.startswith("v="):
        raise OfferError(400, f"expected an offer as SDP, which begins with v=0, got {sdp[:20]!r}")


def _sections(session: SessionDescription) -> tuple[MediaDescription, MediaDescription | None]:
    """The one video section, and the one of audio if there is one."""
    if len(session.media) > MOST_SECTIONS:
        raise OfferError(400, f"expected at most {MOST_SECTIONS} sections, got {len(session.media)}; offer one video")
    kinds: dict[str, list[MediaDescription]] = {}
    for section in session.media:
        kinds.setdefault(section.kind, []).append(section)
    video, audio = kinds.pop("video", []), kinds.pop("audio", [])
    if len(video) != 1:
        raise OfferError(400, f"expected one video section, got {len(video)}; add one video track or transceiver")
    if len(audio) > 1:
        raise OfferError(400, f"expected at most one audio section, got {len(audio)}; offer one audio track")
    if kinds:
        strange = ", ".join(sorted(kinds))[:40]
        raise OfferError(400, f"this server takes video and sound only, not {strange}; open no data channel")
    return video[0], audio[0] if audio else None


def _check_section(section: MediaDescription, lines: list[str]) -> None:
    """What aiortc takes for granted when it answers, and what a connection cannot do without."""
    where = f"the offer's {section.kind} section"
    ice, dtls = section.ice, section.dtls
    if section.port == 0 and "a=bundle-only" not in lines:
        raise OfferError(400, f"{where} is switched off (port 0); leave it out")
    if ice is None or not (_fits(ICE_NAME, ice.usernameFragment) and _fits(ICE_PASSWORD, ice.password)):
        raise OfferError(400, f"{where} has no ICE credentials (ice-ufrag, ice-pwd); send what createOffer made")
    if dtls is None:
        raise OfferError(400, f"{where} has no DTLS role (a=setup); send what createOffer made")
    if not any(one.algorithm.lower() in X509_DIGEST_ALGORITHMS and ":" in one.value for one in dtls.fingerprints):
        known = ", ".join(X509_DIGEST_ALGORITHMS)
        raise OfferError(400, f"{where} has no DTLS fingerprint of {known}; unencrypted media is not taken")
    if not section.profile.endswith("SAVPF") or not section.rtcp_mux:
        raise OfferError(400, f"{where} is {section.profile}; expected UDP/TLS/RTP/SAVPF with a=rtcp-mux, as in WebRTC")
    if section.direction is None:
        raise OfferError(400, f"{where} has no direction; write a=sendrecv, a=sendonly or a=recvonly")
    if not _fits(MID, section.rtp.muxId):
        raise OfferError(400, f"{where} has no name (a=mid); send what createOffer made")
    if not all(0 < extension.id < 256 for extension in section.rtp.headerExtensions):
        raise OfferError(400, f"{where} has an a=extmap whose number is not 1 to 255; send what createOffer made")


def _fits(pattern: re.Pattern[str], text: str | None) -> bool:
    return text is not None and pattern.fullmatch(text) is not None


def _check_bundle(session: SessionDescription) -> None:
    """All sections on one transport (RFC 9143), each with a name of its own."""
    mids = [section.rtp.muxId for section in session.media]
    groups = [[str(item) for item in group.items] for group in session.group if group.semantic == "BUNDLE"]
    bundled = groups[0] if groups else []
    if len(set(mids)) < len(mids) or len(set(bundled)) < len(bundled) or not set(bundled) <= set(mids):
        raise OfferError(400, "the offer's a=mid and a=group:BUNDLE lines do not fit; send what createOffer made")
    if len(mids) > 1 and len(bundled) < len(mids):
        raise OfferError(400, "expected all sections in one a=group:BUNDLE line; use the bundle policy max-bundle")


def _spoken(video: MediaDescription) -> tuple[str, ...]:
    """Names of the video codecs that both sides know, without repeats."""
    common = _common(video)
    if not common:
        raise OfferError(422, f"this server speaks {SPOKEN}; the offer has only {_names(video)}")
    offered = {codec.payloadType for codec in video.rtp.codecs}
    if any(codec.payloadType not in offered for codec in common):
        raise OfferError(422, "the offer's codecs have payload types outside 96 to 127; use those")
    return tuple(dict.fromkeys(codec.name.upper() for codec in common))


def _common(section: MediaDescription) -> list[RTCRtpCodecParameters]:
    """Codecs that aiortc will answer with."""
    common = find_common_codecs(CODECS[section.kind], section.rtp.codecs)
    return [codec for codec in common if not is_rtx(codec)]


def _names(section: MediaDescription) -> str:
    """Codecs of the offer for people, those of H264 with what tells them apart."""
    names = []
    for codec in section.rtp.codecs:
        if codec.name.lower() in HELPERS:
            continue
        profile = codec.parameters.get("profile-level-id")
        mode = codec.parameters.get("packetization-mode", 0)
        detail = f" (profile-level-id={profile}, packetization-mode={mode})" if codec.name.upper() == "H264" else ""
        names.append(codec.name + detail)
    return ", ".join(dict.fromkeys(names))[:300] or "no codec"


def _check_candidates(sections: Sequence[MediaDescription]) -> int:
    candidates: list[RTCIceCandidate] = [one for section in sections for one in section.ice_candidates]
    if len(candidates) > MOST_CANDIDATES:
        raise OfferError(400, f"expected at most {MOST_CANDIDATES} ICE candidates, got {len(candidates)}; offer fewer")
    for one in candidates:
        if one.component not in (1, 2) or not 0 < one.port < 65536:
            got = f"component {one.component}, port {one.port}"
            raise OfferError(400, f"the offer has an ICE candidate that cannot be ({got}); send what createOffer made")
    return len(candidates)
