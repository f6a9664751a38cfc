"""A sink that only counts, for measuring everything else."""

from __future__ import annotations

from rimlight.errors import SinkError
from rimlight.realtime.sinks.base import Ends, PixelFormat, StreamInfo
from rimlight.realtime.sinks.options import Options
from rimlight.types import Frame

FORMATS: dict[str, PixelFormat] = {"rgb": "rgb", "rgba": "rgba", "i420": "i420"}


class NullSink(Ends):
    """Counts the frames it is given in `frames` and forgets them; takes any size."""

    def __init__(self, wants: PixelFormat = "rgb") -> None:
        self.wants: PixelFormat = wants
        self.carries_alpha = wants == "rgba"
        self.frames = 0

    def write(self, frame: Frame) -> None:  # noqa: ARG002 - counted, not looked at
        self.frames += 1


def from_spec(rest: str, info: StreamInfo, options: Options) -> NullSink:  # noqa: ARG001 - takes any stream
    """A null sink for the registry: "", or the pixels to ask for: rgb, rgba, i420."""
    if rest and rest not in FORMATS:
        raise SinkError(f"expected null, null:rgb, null:rgba or null:i420, got null:{rest}")
    return NullSink(FORMATS[rest] if rest else "rgba" if options.alpha else "rgb")
