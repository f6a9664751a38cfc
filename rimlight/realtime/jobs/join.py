"""Several video files end to end as one, without encoding anew, with the sound of another beside."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from math import floor
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from rimlight.errors import JobError, SinkError
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.file import FINEST_HZ, time_base
from rimlight.realtime.sinks.sound import Sound

KEPT_TAGS = ("alpha_mode",)  # of the stream; FileSink writes it where browsers look for alpha

Part = tuple[Path, float]  # and the time in seconds of its first picture, on the clock of the whole


class Clock:
    """Places packets of consecutive parts in units of a time base.

    A packet is decoded as many pictures before it is shown as the codec reorders, over the edges of parts too.
    Containers may round the time at which a part begins, or keep no decoding times; so both are made here.
    """

    def __init__(self, unit: Fraction, reordered: int, interval: int) -> None:
        self._unit, self._reordered, self._interval = unit, reordered, interval
        self._waiting: list[int] = []  # times to be shown, of as many pictures as are reordered
        self._shift = 0
        self._last: int | None = None  # decoding time
        self._count = 0
        self._first = 0

    def begin(self, packet: Packet[VideoStream], begin_s: float) -> None:
        """The next part begins with this packet, to be shown at begin_s."""
        self._shift = floor(begin_s / self._unit + Fraction(1, 2)) - self._shown(packet)

    def place(self, packet: Packet[VideoStream]) -> None:
        """Set the times of the next packet."""
        duration = round((packet.duration or 0) * packet.time_base / self._unit)
        shown = self._shown(packet) + self._shift
        decoded = self._decoded(shown)
        packet.time_base = self._unit
        packet.pts, packet.dts = max(shown, decoded), decoded
        packet.duration = duration or self._interval

    def _shown(self, packet: Packet[VideoStream]) -> int:
        return round((packet.pts or 0) * packet.time_base / self._unit)

    def _decoded(self, shown: int) -> int:
        self._first = self._first if self._count else shown
        self._count += 1
        heapq.heappush(self._waiting, shown)
        if self._count > self._reordered:
            time = heapq.heappop(self._waiting)
        else:
            time = self._first - (self._reordered + 1 - self._count) * self._interval
        self._last = time if self._last is None else max(time, self._last + 1)
        return self._last


def join(parts: Sequence[Part], whole: Path, target: Path, info: StreamInfo) -> None:
    """Write the video of all parts and the sound of info.sound_from to whole; each part is removed once it is copied.

    whole: the file to write; target: the name to speak of. Raises JobError where the parts do not fit together, SinkError
    where the file cannot be written.
    """
    if not parts:
        raise JobError(f"no frame of the source could be decoded; {target} is not written")
    with _said(target), av.open(f"file:{whole}", "w", format=_format(parts[0][0])) as output:
        stream, clock = _stream_like(parts[0][0], output, info)
        wanted = _looks(parts[0][0])
        sound = Sound(info.sound_from, output, target) if info.sound_from is not None else None
        output.start_encoding()
        try:
            for part, begin_s in parts:
                _same_looks(part, wanted)
                _copy(part, begin_s, stream, output, clock, sound)
                part.unlink()
            if sound is not None:
                sound.copy()
        finally:
            if sound is not None:
                sound.close()
