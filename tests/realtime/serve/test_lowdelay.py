from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc import rtcrtpreceiver
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from rimlight.realtime.serve.decoding import Burst
from rimlight.realtime.serve.internals import InternalsError
from rimlight.realtime.serve.lowdelay import LowDelayBuffer, install, low_delay

TICKS = 3000  # of a clock of 90 kHz between pictures
SOURCE = 4711


def packet(sequence: int, timestamp: int, data: bytes, marker: bool = False, source: int = SOURCE) -> RtpPacket:
    made = RtpPacket(sequence_number=sequence % 65536, timestamp=timestamp % 2**32, marker=int(marker), ssrc=source)
    made._data = data
    return made


def stream(lengths: Sequence[int], sequence: int = 0, timestamp: int = 0, markers: bool = True) -> list[RtpPacket]:
    """Packets of pictures with so many packets each."""
    packets = []
    for picture, length in enumerate(lengths):
        for part in range(length):
            content = f"{picture}:{part}/{length};".encode()
            is_last = markers and part == length - 1
            packets.append(packet(sequence + len(packets), timestamp + TICKS * picture, content, is_last))
    return packets


def whole(packets: Iterable[RtpPacket]) -> dict[int, bytes]:
    """The pictures that a stream is made of, by timestamp."""
    pictures: dict[int, bytes] = {}
    for one in packets:
        pictures[one.timestamp] = pictures.get(one.timestamp, b"") + one._data
    return pictures


@dataclass
class Outcome:
    pictures: list[tuple[int, bytes]]
    counts: list[int]  # of pictures, after each packet
    asked: int  # times for a key picture


def run(buffer: JitterBuffer, arrivals: Iterable[RtpPacket]) -> Outcome:
    seen = Outcome([], [], 0)
    for one in arrivals:
        asks, frame = buffer.add(one)
        seen.asked += asks
        frames = [] if frame is None else [frame, *getattr(frame, "behind", [])]
        seen.pictures += [(one.timestamp, one.data) for one in frames]
        seen.counts.append(len(seen.pictures))
    return seen


def early(capacity: int = 128) -> LowDelayBuffer:
    return LowDelayBuffer(capacity, is_video=True)


def original(capacity: int = 128) -> JitterBuffer:
    return JitterBuffer(capacity, is_video=True)


@dataclass(frozen=True)
class Way:
    """What a network does: for each packet the places by which its copies come late; none where it is lost."""

    lengths: list[int]
    copies: list[list[int]]
    sequence: int
    timestamp: int
    markers: bool

    def sent(self) -> list[RtpPacket]:
        return stream(self.lengths, self.sequence, self.timestamp, self.markers)

    def arrivals(self) -> list[RtpPacket]:
        late = [
            (place + delay, copy, one)
            for place, (one, delays) in enumerate(zip(self.sent(), self.copies, strict=True))
            for copy, delay in enumerate(delays)
        ]
        return [one for *_, one in sorted(late, key=lambda entry: entry[:2])]


@st.composite
def ways(draw: st.DrawFn, most_pictures: int = 12, longest: int = 7, most_late: int = 12) -> Way:
    lengths = draw(st.lists(st.integers(1, longest), min_size=1, max_size=most_pictures))
    fates = st.one_of(
        st.just([0]), st.just([0]), st.just([]), st.lists(st.integers(0, most_late), min_size=1, max_size=3)
    )
    total = sum(lengths)
    return Way(
        lengths,
        draw(st.lists(fates, min_size=total, max_size=total)),
        draw(st.sampled_from([0, 32760, 65500, 65530])),
        draw(st.sampled_from([0, 2**32 - 3 * TICKS])),
        draw(st.booleans()),
    )


def due(way: Way) -> list[int]:
    """Pictures that are there after each arrival: without a gap, up to a marker or a packet of another picture."""
    sent, arrivals = way.sent(), way.arrivals()
    place = {one.sequence_number: i for i, one in enumerate(sent)}
    first = place[arrivals[0].sequence_number] if arrivals else 0
    there: set[int] = set()
    counts = []
    for one in arrivals:
        there.add(place[one.sequence_number])
        end = next(i for i in range(first, len(sent) + 1) if i not in there)
        run_of = sent[first:end]
        ends = [a.timestamp != b.timestamp for a, b in pairwise(run_of)] + [bool(run_of[-1].marker)]
        counts.append(sum(ends))
    return counts


@given(ways())
def test_a_picture_comes_as_soon_as_it_and_all_before_it_are_whole(way: Way) -> None:
    assert run(early(), way.arrivals()).counts == due(way)


@given(ways())
def test_the_same_pictures_as_the_original_but_earlier(way: Way) -> None:
    ours, theirs = run(early(), way.arrivals()), run(original(), way.arrivals())
    assert ours.pictures[: len(theirs.pictures)] == theirs.pictures
    assert all(mine >= other for mine, other in zip(ours.counts, theirs.counts, strict=True))
    assert ours.asked == theirs.asked == 0


@given(ways(most_pictures=40), st.sampled_from([4, 8, 16]))
def test_no_picture_comes_in_parts_twice_or_late(way: Way, capacity: int) -> None:
    arrivals = way.arrivals()
    pictures = run(early(capacity), arrivals).pictures
    is_whole = whole(way.sent())
    for timestamp, data in pictures:
        unsure = (
            timestamp == arrivals[0].timestamp
        )  # a stream that begins in the middle of a picture, as in the original
        assert data == is_whole[timestamp] or (unsure and is_whole[timestamp].endswith(data))
    for (before, _), (after, _) in pairwise(pictures):
        assert 0 < (after - before) % 2**32 < 2**31


@given(ways(most_pictures=40), st.sampled_from([8, 16, 64]))
def test_a_stream_that_was_broken_goes_on(way: Way, capacity: int) -> None:
    buffer = early(capacity)
    run(buffer, way.arrivals())
    sent = way.sent()[-1]
    after = stream([3] * capacity, sent.sequence_number + 1, sent.timestamp + TICKS)
    counts = run(buffer, after).counts
    assert counts[-1] - counts[-1 - 3 * (capacity // 2)] >= capacity // 2, "a picture for every three packets"
    assert counts[-1] == counts[-2] + 1, "the last one as soon as it is whole"


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_every_picture_comes_with_its_last_packet(lengths: list[int]) -> None:
    sent = stream(lengths)
    ends = [i + 1 for i, one in enumerate(sent) if one.marker]
    counts = run(early(), sent).counts
    assert [counts.index(n + 1) + 1 for n in range(len(lengths))] == ends


@pytest.mark.parametrize("late", [2, 40, 90])
def test_a_packet_that_is_sent_again_completes_its_picture(late: int) -> None:
    sent = stream([4] * 60)
    arrivals = [*sent[:5], *sent[6 : 5 + late], sent[5], *sent[5 + late :]]
    seen = run(early(), arrivals)
    assert dict(seen.pictures) == whole(sent)
    assert seen.counts[3 + late] == 1, "nothing may overtake"
    assert seen.counts[4 + late] == (5 + late) // 4, "and nothing has to wait for what comes after"


def test_after_a_jump_no_picture_lacks_its_beginning() -> None:
    """As it may with the original, which makes a decoder show a mix of two."""
    sent = stream([3] * 12)
    arrivals = [one for i, one in enumerate(sent) if i not in (4, 12)]
    assert any(data != whole(sent)[timestamp] for timestamp, data in run(original(8), arrivals).pictures)
    buffer = early(8)
    bursts = [frame for one in arrivals if isinstance(frame := buffer.add(one)[1], Burst)]
    assert all(one.data == whole(sent)[one.timestamp] for one in bursts)
    assert [one.timestamp // TICKS for one in bursts if one.after_loss] == [3, 5]
    assert run(early(8), arrivals).asked == 2


def test_padding_after_the_marker_is_no_picture() -> None:
    sent = stream([2, 2])
    padding = [packet(2, 0, b""), packet(3, 0, b"")]
    moved = [packet(one.sequence_number + 2, one.timestamp, one._data, bool(one.marker)) for one in sent[2:]]
    seen = run(early(), [*sent[:2], *padding, *moved])
    assert seen.pictures == list(whole(sent).items())
    assert seen.asked == 0


def test_a_picture_without_content_is_passed_over() -> None:
    sent = [packet(0, 0, b"a", True), packet(1, 1, b"", True), packet(2, 2, b"c", True)]
    assert run(early(), sent).pictures == [(0, b"a"), (2, b"c")]


def test_markers_in_the_middle_are_believed_once() -> None:
    """As of senders that mark every slice."""
    sent = [packet(i, i // 4 * TICKS, b"%d" % i, marker=True) for i in range(16)]
    seen = run(early(), sent)
    assert seen.asked == 1
    assert seen.pictures == [(0, b"0"), (TICKS, b"4567"), (2 * TICKS, b"891011")]


def test_a_late_copy_does_not_restart_the_stream() -> None:
    """The original waits for packets after the copy, until they overflow."""
    sent = stream([150, *[3] * 40])
    arrivals = [*sent[:200], sent[20], *sent[200:]]
    assert run(original(512), arrivals).asked == 1
    assert len(run(original(512), arrivals).pictures) < 40
    seen = run(early(512), arrivals)
    assert seen.asked == 0
    assert dict(seen.pictures) == whole(sent)


def test_a_new_source_is_followed() -> None:
    old = stream([3] * 60, sequence=30_000)
    new = [
        packet(one.sequence_number, one.timestamp, one._data, bool(one.marker), SOURCE + 1)
        for one in stream([3] * 60, sequence=29_950, timestamp=900_000)
    ]
    seen = run(early(512), [*old, *new])
    assert seen.asked == 1
    assert dict(seen.pictures[60:]) == dict(list(whole(new).items())[1:]), "its first picture may lack its beginning"


@given(ways(longest=1))
def test_sound_is_treated_as_before(way: Way) -> None:
    ours, theirs = LowDelayBuffer(16, prefetch=4), JitterBuffer(16, prefetch=4)
    assert run(ours, way.arrivals()) == run(theirs, way.arrivals())


def test_only_receivers_made_while_installed_are_changed() -> None:
    transport: Any = SimpleNamespace(state="new")

    def buffer_of(kind: str) -> JitterBuffer:
        return vars(RTCRtpReceiver(kind, transport))["_RTCRtpReceiver__jitter_buffer"]  # type: ignore[no-any-return]

    with low_delay():
        install()
        assert isinstance(buffer_of("video"), LowDelayBuffer)
    assert type(buffer_of("video")) is JitterBuffer


def test_an_aiortc_without_the_parts_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(rtcrtpreceiver, "JitterBuffer")
    with pytest.raises(InternalsError, match=r"lacks aiortc.rtcrtpreceiver:JitterBuffer; run: pip install"):
        install()
