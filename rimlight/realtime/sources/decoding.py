"""Opening a video file and decoding its picture stream, past what is damaged, from any keyframe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from rimlight.errors import SourceError

USUAL_RATE = Fraction(30)  # of streams that name none
TEXT_AS_VIDEO = frozenset({"tty", "bin", "xbin", "adf", "idf"})  # FFmpeg renders any text file as a terminal's screen


class Decoding:
    """The first video stream of a file; raises SourceError where there is none to decode.

    damaged: packets and pictures so far that could not be decoded, or only in part. Like the ffmpeg program, decoding
    goes on after them.
    """

    def __init__(self, path: Path) -> None:
        self.damaged = 0
        self._hidden = 0  # packets that an edit list keeps from being shown
        self._container = open_container(path)
        try:
            self._stream = video_stream(self._container, path)
        except SourceError:
            self._container.close()
            raise

    @property
    def rate(self) -> Fraction:
        """Nominal frames per second."""
        return self._stream.average_rate or self._stream.guessed_rate or USUAL_RATE

    @property
    def exact_count(self) -> int | None:
        """Frames of the stream to be shown, as far as it was read, if the container says so."""
        return self._stream.frames - self._hidden if self._stream.frames else None

    @property
    def estimated_count(self) -> int | None:
        """Frames of the stream, reckoned from its length where the container does not say; None if that is unknown."""
        if self._stream.frames:
            return self._stream.frames
        return None if self.length_s is None else max(1, round(self.length_s * self.rate))

    @property
    def length_s(self) -> float | None:
        """Length of the stream, or of the whole file, as far as the container says."""
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration is not None:
            return self._container.duration / av.time_base
        return None

    def seconds(self, pts: int | None) -> float | None:
        """A timestamp of the stream in seconds."""
        if pts is None or self._stream.time_base is None:
            return None
        return float(pts * self._stream.time_base)

    def pictures(self) -> Iterator[VideoFrame]:
        """Decode from where the file stands, in the order the pictures are shown."""
        for packet in self._packets():
            try:
                decoded = self._stream.decode(packet)
            except FFmpegError:
                self.damaged += 1
                continue
            for picture in decoded:
                self.damaged += picture.is_corrupt
                yield picture

    def seek(self, timestamp: int) -> None:
        """Go to the last keyframe at or before a decoding timestamp, in the stream's units; raises FFmpegError."""
        self._container.seek(timestamp, stream=self._stream)

    def close(self) -> None:
        self._container.close()

    def _packets(self) -> Iterator[Packet[VideoStream] | None]:
        try:
            for packet in self._container.demux(self._stream):
                self.damaged += packet.is_corrupt
                self._hidden += packet.is_discard
                yield packet
        except FFmpegError:
            self.damaged += 1
            yield None  # flushes the decoder, as the end of a sound file does


def open_container(path: Path) -> InputContainer:
    """Open a media file; raises SourceError that says why it cannot be."""
    _check(path)
    try:
        # "file:" keeps a colon in a name from being read as a protocol.
        container = av.open(f"file:{path}")
    except FFmpegError as error:
        raise SourceError(
            f"{path} cannot be read as video ({error.strerror}): it is no video file, or damaged or cut off;"
            " record or copy it again, or give another"
        ) from error
    if container.format.name in TEXT_AS_VIDEO:
        container.close()
        raise SourceError(f"{path} is text, not a video; give a video file")
    return container


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The first stream of moving pictures, ready to decode on several threads; raises SourceError if there is none."""
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        held = " and ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        cover = " (a cover picture does not count)" if container.streams.video else ""
        raise SourceError(f"{path} holds {held} but no moving pictures{cover}; give a file with a video stream")
    stream = streams[0]
    if stream.codec_context is None:
        raise SourceError(f"{path} holds video that no decoder here can read; convert it to H.264 first")
    stream.thread_type = "AUTO"
    return stream


def _check(path: Path) -> None:
    if not path.exists():
        raise SourceError(f"no file {path}; check the path")
    if path.is_dir():
        raise SourceError(f"{path} is a folder, not a video; give a file in it")
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes); record or copy it again, or give another")
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path} may not be read; check its permissions")
