"""Several video files end to end as one, without encoding anew, with the sound of another beside."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import TypeAlias

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from rimlight.errors import JobError, SinkError
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.file import FINEST_HZ, time_base
from rimlight.realtime.sinks.formats import KINDS
from rimlight.realtime.sinks.sound import Sound

BIT_EXACT = {"fflags": "bitexact"}  # Matroska and WebM would take their file's number by chance
ALPHA_TAG = "alpha_mode"  # of the stream: without it browsers do not look for alpha

Looks: TypeAlias = tuple[object, ...]
Part: TypeAlias = tuple[Path, float]  # a file; when its first picture is shown, in seconds on the clock of the whole


class Clock:
    """Places the packets of consecutive parts, in units of time as the whole file counts them.

    Containers may round the time at which a part begins, or keep no decoding times, so both are made here: a packet is
    decoded as many pictures before it is shown as the codec reorders, over the edges of parts too.
    """

    def __init__(self, unit: Fraction, reordered: int, interval: int) -> None:
        self._unit, self._reordered, self._interval = unit, reordered, interval
        self._waiting: list[int] = []  # when the pictures that are decoded too early are shown
        self._count, self._first, self._last = 0, 0, 0
        self._shift = 0

    def begin(self, packet: Packet[VideoStream], begin_s: Fraction) -> None:
        """The next part begins with this packet, which is to be shown at begin_s."""
        self._shift = floor(begin_s / self._unit + Fraction(1, 2)) - self._shown(packet)

    def place(self, packet: Packet[VideoStream]) -> float:
        """Set the times of the next packet; returns when its picture ends, in seconds."""
        shown = self._shown(packet) + self._shift
        decoded = self._decoded(shown)
        duration = round((packet.duration or 0) * packet.time_base / self._unit) or self._interval
        packet.pts, packet.dts, packet.duration = max(shown, decoded), decoded, duration
        packet.time_base = self._unit
        return float((shown + duration) * self._unit)

    def _shown(self, packet: Packet[VideoStream]) -> int:
        return round((packet.pts or 0) * packet.time_base / self._unit)

    def _decoded(self, shown: int) -> int:
        self._first = self._first if self._count else shown
        self._count += 1
        heapq.heappush(self._waiting, shown)
        time = self._first - (self._reordered + 1 - self._count) * self._interval
        if self._count > self._reordered:
            time = heapq.heappop(self._waiting)
        self._last = time if self._count == 1 else max(time, self._last + 1)
        return self._last


def join(parts: Sequence[Part], whole: Path, target: Path, info: StreamInfo, *, keep: bool = False) -> None:
    """Write the video of all parts and the sound of info.sound_from to whole; each part is removed once it is copied.

    whole: the file to write, the same bytes from the same parts; target: the name to speak of. keep: leave the parts
    where they are. Raises JobError where the parts do not fit together, SinkError where the file cannot be written.
    """
    if not parts:
        raise JobError(f"no frame of the source could be decoded, so {target} is not written; record or copy it again")
    form = KINDS[target.suffix.lower()].container
    ticks = time_base(info.rate)
    with _said(target), av.open(f"file:{whole}", "w", format=form, options=BIT_EXACT) as output:
        stream, looks = _stream_like(parts[0][0], output, info.rate)
        sound = Sound(info.sound_from, output, target) if info.sound_from is not None else None
        with closing(sound) if sound else nullcontext():
            output.start_encoding()
            begun = _Whole(output, stream, looks, _clock(stream, info.rate), sound)
            for path, begin_s in parts:
                if not begun.takes(path, round(begin_s / ticks) * ticks):
                    raise JobError(f"the parts of {target} came out encoded differently; mat it in one go")
                if not keep:
                    path.unlink()
            if sound is not None:
                sound.copy()


@dataclass(frozen=True, slots=True)
class _Whole:
    """A file that is being joined."""

    output: OutputContainer
    stream: VideoStream
    looks: Looks
    clock: Clock
    sound: Sound | None

    def takes(self, path: Path, begin_s: Fraction) -> bool:
        """Copy a part, and the sound that goes with it; False where it does not fit."""
        with av.open(f"file:{path}") as part:
            video = part.streams.video[0]
            if _looks(video) != self.looks:
                return False
            packets = (packet for packet in part.demux(video) if packet.size)  # the last one only flushes decoders
            for index, packet in enumerate(packets):
                if index == 0:
                    self.clock.begin(packet, begin_s)
                end_s = self.clock.place(packet)
                packet.stream = self.stream
                self.output.mux(packet)
                if self.sound is not None:
                    self.sound.copy(end_s)
        return True


def _looks(video: VideoStream) -> Looks:
    """All that decoders are told once, at the head of a file, and that must hold for all of it."""
    context = video.codec_context
    return context.name, context.width, context.height, context.pix_fmt, context.profile, context.extradata


def _stream_like(path: Path, output: OutputContainer, rate: Fraction) -> tuple[VideoStream, Looks]:
    """A stream for the packets of a part, with the rate and clock that FileSink would give it, and the part's looks."""
    with av.open(f"file:{path}") as part:
        video = part.streams.video[0]
        stream = output.add_stream_from_template(video, opaque=True)
        context = stream.codec_context
        context.framerate = rate.limit_denominator(FINEST_HZ)
        context.codec_tag = video.codec_context.codec_tag
        context.bit_rate = 0  # the part's own; containers reckon that of the whole
        stream.time_base = time_base(rate)
        tags = {key.lower(): value for key, value in video.metadata.items()}  # Matroska gives them in capitals
        if ALPHA_TAG in tags:
            stream.metadata[ALPHA_TAG] = tags[ALPHA_TAG]
        return stream, _looks(video)


def _clock(stream: VideoStream, rate: Fraction) -> Clock:
    """The clock of a stream whose header is written: containers choose their own unit."""
    unit = stream.time_base or time_base(rate)
    return Clock(unit, stream.codec_context.reorder_depth, max(1, round(1 / (rate * unit))))


@contextmanager
def _said(target: Path) -> Iterator[None]:
    """Turn an error of FFmpeg or the system into one of this project."""
    try:
        yield
    except (FFmpegError, OSError) as error:
        reason = error.strerror or error
        raise SinkError(f"{target} cannot be written: {reason}; make room, or choose another folder or kind") from error
