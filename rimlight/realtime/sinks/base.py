"""What every sink of frames is."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Literal, Protocol, runtime_checkable

from rimlight.types import Frame, Size

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

    wants: the pixels `write` takes: "rgb" (H, W, 3), "rgba" (H, W, 4) straight alpha, or "i420" planes (BT.709, limited).
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
