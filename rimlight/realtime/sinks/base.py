"""What every sink of frames is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Literal, Protocol, TypeVar, runtime_checkable

from rimlight.errors import FrameError, SinkError
from rimlight.types import I420, Frame, Pixels, Size, UInt8Array

PixelFormat = Literal["rgb", "rgba", "i420"]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a sink must know before the first frame. sound_from: a file whose sound is passed through, or None."""

    size: Size
    rate: Fraction
    sound_from: str | None = None


@runtime_checkable
class Sink(Protocol):
    """Takes finished frames in order; a context manager.

    wants: the pixels `write` takes: "rgb" (H, W, 3), "rgba" (H, W, 4) straight alpha, "i420" planes (BT.709, limited).
    carries_alpha: whether the written stream keeps alpha.
    write does not keep a reference to the frame's pixels: the caller uses the buffer again.
    close finishes the output (rename to its final name); leaving the context by an error other than KeyboardInterrupt
    removes what was begun. Raises SinkError that says what to do.
    """

    wants: PixelFormat
    carries_alpha: bool

    def write(self, frame: Frame) -> None: ...

    def close(self) -> None: ...

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class ReceiverGoneError(SinkError):
    """Whoever took the frames wants no more: the pipe's reader ended, or the window was closed. A normal end."""


Ending = TypeVar("Ending", bound="Ends")


class Ends:
    """The context manager of every sink, and what each does at a good end, an interrupted one and a bad one."""

    def close(self) -> None:
        """Finish the output; a second call does nothing."""

    def interrupt(self) -> None:
        """Finish what was written until the user broke off."""
        self.close()

    def discard(self) -> None:
        """Remove what was begun."""
        self.close()

    def __enter__(self: Ending) -> Ending:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif issubclass(kind, KeyboardInterrupt):
            self.interrupt()
        else:
            self.discard()


def same_size(frame: Frame, size: Size, where: str) -> None:
    """Raise SinkError where a frame is not of the size that a sink was opened for."""
    if frame.size != size:
        raise SinkError(
            f"{where} was begun with frames of {size}, now comes {frame.size};"
            " scale the frames to one size, or end here and begin another"
        )


def channels_of(pixels: Pixels, channels: int) -> UInt8Array:
    """The pixels if they are uint8 (H, W, channels); raises FrameError otherwise."""
    if isinstance(pixels, I420):
        raise FrameError(f"expected uint8 (H, W, {channels}), got I420 planes; see what the sink wants")
    if pixels.dtype != "uint8" or pixels.ndim != 3 or pixels.shape[2] != channels:
        raise FrameError(f"expected uint8 (H, W, {channels}), got {pixels.dtype} {pixels.shape}")
    return pixels
