"""Frames to write, and what was written read back by means of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from rimlight.realtime.sinks.base import Sink, StreamInfo
from rimlight.realtime.sources.pattern import PatternSource
from rimlight.types import Frame, Pixels, Size, UInt8Array

SIZE = Size(64, 112)
INFO = StreamInfo(SIZE, Fraction(30))


def with_alpha(image: UInt8Array) -> UInt8Array:
    """(H, W, 4): the image with a soft slope of alpha, from 0 to 255."""
    height, width = image.shape[:2]
    alpha = np.linspace(0, 255, width).astype(np.uint8)
    return np.dstack([image, np.broadcast_to(alpha, (height, width))])


def frames_for(sink: Sink, count: int, size: Size = SIZE, times: Sequence[float] | None = None) -> Iterable[Frame]:
    """count numbered frames of the pixels that the sink wants, all in one buffer that is spoilt after each."""
    buffer = np.empty((size.height, size.width, 4 if sink.wants == "rgba" else 3), np.uint8)
    for index, frame in enumerate(PatternSource(size, count=count)):
        buffer[:] = with_alpha(frame.image) if sink.wants == "rgba" else frame.image
        pts_s = frame.pts_s if times is None else times[index]
        yield Frame(_pixels(buffer, sink), pts_s, frame.captured_s, frame.cut)
        buffer[:] = 77


def _pixels(buffer: UInt8Array, sink: Sink) -> Pixels:
    if sink.wants == "i420":
        from rimlight.pixels import to_i420

        return to_i420(buffer)
    return buffer


def write_all(sink: Sink, count: int, size: Size = SIZE, times: Sequence[float] | None = None) -> None:
    for frame in frames_for(sink, count, size, times):
        sink.write(frame)


def pictures(path: Path, decoder: str | None = None) -> list[av.VideoFrame]:
    """Decoded pictures of a file, by a named decoder if one is given."""
    with av.open(str(path)) as container:
        if decoder is None:
            return list(container.decode(video=0))
        context = av.CodecContext.create(decoder, "r")
        assert isinstance(context, av.VideoCodecContext)
        return [
            picture
            for packet in container.demux(video=0)
            for picture in context.decode(packet if packet.size else None)
        ]


def packets(path: Path, kind: str = "audio") -> list[tuple[int | None, bytes]]:
    """(timestamp, content) of every packet of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [(packet.pts, bytes(packet)) for packet in container.demux(stream) if packet.size]


def leftovers(folder: Path) -> list[str]:
    """Names of the temporary files in a folder."""
    return [path.name for path in folder.iterdir() if ".part" in path.name]
