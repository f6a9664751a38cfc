"""Uncompressed frames to standard output, for another program to read."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from io import FileIO
from typing import Literal, Protocol, get_args

import numpy as np

from rimlight.errors import SinkError
from rimlight.pixels import to_i420, to_rgb
from rimlight.realtime.sinks.base import Ends, PixelFormat, ReceiverGoneError, StreamInfo, channels_of, same_size
from rimlight.realtime.sinks.options import Options
from rimlight.types import Frame, Pixels, Size, UInt8Array

PipeFormat = Literal["y4m", "rgb24", "rgba", "i420"]
FORMATS: tuple[PipeFormat, ...] = get_args(PipeFormat)
WANTS: dict[PipeFormat, PixelFormat] = {"y4m": "i420", "rgb24": "rgb", "rgba": "rgba", "i420": "i420"}


class Bytes(Protocol):
    """What is used of a binary file; a write may take only a part."""

    def write(self, data: memoryview, /) -> int | None: ...

    def isatty(self) -> bool: ...


class PipeSink(Ends):
    """Frames as y4m (a header, then I420 planes), or as bare rgb24, rgba or i420; planes are BT.709, limited range.

    y4m and the bare formats know no timestamps: frames come as they come. stream: unbuffered, standard output if None.
    Raises SinkError where the stream is a terminal or the size changes, and its subclass ReceiverGoneError where the
    reader has ended.
    """

    def __init__(self, form: PipeFormat, info: StreamInfo, stream: Bytes | None = None) -> None:
        self.wants: PixelFormat = WANTS[form]
        self.carries_alpha = form == "rgba"
        self.frames = 0
        self._form = form
        self._size = info.size
        # Past sys.stdout, whose buffer would complain once more at exit when the reader has gone.
        self._stream: Bytes = FileIO(1, "w", closefd=False) if stream is None else stream
        if self._stream.isatty():
            raise SinkError(f"standard output is a terminal, not a program that reads {form}; write: … | ffplay -")
        if form == "y4m":
            self._send([header(info.size, info.rate)])

    def write(self, frame: Frame) -> None:
        same_size(frame, self._size, f"the {self._form} pipe")
        if self._form == "y4m":
            self._send([np.frombuffer(b"FRAME\n", np.uint8), *_planes(frame.pixels)])
        elif self._form == "i420":
            self._send(_planes(frame.pixels))
        else:
            self._send([channels_of(frame.pixels, 4) if self.carries_alpha else to_rgb(frame.pixels)])
        self.frames += 1

    def _send(self, parts: Iterable[UInt8Array]) -> None:
        try:
            for part in parts:
                left = np.ascontiguousarray(part).data.cast("B")
                while left:
                    left = left[self._stream.write(left) or 0 :]
        except BrokenPipeError as error:
            raise ReceiverGoneError(f"the program that reads the pipe ended after {self.frames} frames") from error
        except OSError as error:
            raise SinkError(f"the pipe cannot be written: {error.strerror or error}") from error


def header(size: Size, rate: Fraction) -> UInt8Array:
    """The first line of a y4m stream: progressive, square pixels, chroma in the middle of four, limited range."""
    text = (
        f"YUV4MPEG2 W{size.width} H{size.height} F{rate.numerator}:{rate.denominator} Ip A1:1"
        " C420jpeg XYSCSS=420JPEG XCOLORRANGE=LIMITED\n"
    )
    return np.frombuffer(text.encode("ascii"), np.uint8)


def from_spec(form: str, info: StreamInfo, options: Options) -> PipeSink:
    """A pipe for the registry; raises SinkError for an unknown format, or alpha in one that has none."""
    for known in FORMATS:
        if known == (form or "y4m"):
            if options.alpha and known != "rgba":
                raise SinkError(f"pipe:{known} has no alpha; write to pipe:rgba")
            return PipeSink(known, info)
    raise SinkError(f"expected one of {', '.join(f'pipe:{known}' for known in FORMATS)}, got pipe:{form}")


def _planes(pixels: Pixels) -> tuple[UInt8Array, UInt8Array, UInt8Array]:
    planes = to_i420(pixels)
    return planes.y, planes.u, planes.v
