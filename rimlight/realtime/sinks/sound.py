"""The sound of one file, copied packet by packet into another."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition

from rimlight.errors import SinkError, SourceError
from rimlight.realtime.sources.decoding import open_container

log = logging.getLogger(__name__)


class Sound:
    """Every sound stream of a file, bit for bit and at its own times; a file without sound copies nothing.

    start_s: when the file's first picture is shown, on the clock of its sound: 0 where it has no pictures.
    Raises SinkError where the file cannot be opened or the output cannot hold its sound.
    """

    def __init__(self, path: str | Path, output: OutputContainer, target: Path) -> None:
        try:
            self._input = open_container(Path(path))
        except SourceError as error:
            raise SinkError(f"the sound cannot be copied: {error}") from error
        self._output = output
        self._path = path
        try:
            self.start_s = self._first_picture_s()
            self._copies = {stream.index: self._copy_of(stream, target) for stream in self._input.streams.audio}
        except BaseException:
            self._input.close()
            raise
        self._packets = self._read()
        self._next = next(self._packets, None)

    def copy(self, until_s: float | None = None) -> None:
        """Write the packets that begin before a time on the output's clock, or all that are left."""
        while self._next is not None and (until_s is None or _time_s(self._next) < until_s):
            packet, self._next = self._next, None
            packet.stream = self._copies[packet.stream.index]
            self._output.mux(packet)
            self._next = next(self._packets, None)

    def close(self) -> None:
        self._next = None
        self._input.close()

    def _copy_of(self, stream: AudioStream, target: Path) -> AudioStream:
        try:
            copy = self._output.add_stream_from_template(stream)
        except (ValueError, FFmpegError) as error:
            name = stream.codec_context.name if stream.codec_context else "of an unknown kind"
            raise SinkError(
                f"{target.suffix} cannot hold the sound of {self._path}, which is {name}; write .mkv or leave out sound"
            ) from error
        copy.metadata.update({key: value for key, value in stream.metadata.items() if key == "language"})
        return copy

    def _first_picture_s(self) -> float:
        for stream in self._input.streams.video:
            cover = stream.disposition & Disposition.attached_pic
            if not cover and stream.start_time is not None and stream.time_base is not None:
                return float(stream.start_time * stream.time_base)
        return 0.0

    def _read(self) -> Iterator[Packet[AudioStream]]:
        if not self._copies:
            return
        try:
            for packet in self._input.demux(self._input.streams.audio):
                if packet.size:  # the last ones are empty: they tell decoders that the end has come
                    yield packet
        except FFmpegError as error:
            log.warning("the sound of %s is damaged or cut off (%s); what came before is kept", self._path, error)


def _time_s(packet: Packet[AudioStream]) -> float:
    time = packet.pts if packet.dts is None else packet.dts
    return 0.0 if time is None else float(time * packet.time_base)
