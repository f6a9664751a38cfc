"""NDI: a stream with alpha that OBS and other mixers on the network see by its name.

NDI is a registered trademark of Vizrt NDI AB. Its library comes inside cyndilib's wheels under a licence of its own.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from rimlight.errors import MissingExtraError, SinkError
from rimlight.realtime.sinks.base import Ends, PixelFormat, StreamInfo, channels_of, same_size
from rimlight.realtime.sinks.options import Options
from rimlight.types import Frame, UInt8Array

NAME = "rimlight"


class NdiSink(Ends):
    """Sends every frame as soon as it comes, under a name that receivers show as "COMPUTER (NAME)".

    Pixels go as RGBA with straight alpha, or as RGBX; NDI's codec changes colours by a few levels (saturated ones
    by a dozen) and alpha by one at the most. A write hands the frame over and returns; nobody needs to listen.
    receivers: how many do. Raises MissingExtraError without cyndilib, SinkError where its library does not load,
    for an odd size (NDI drops the last row or column), and for frames of another size than the first.
    """

    def __init__(self, info: StreamInfo, name: str = NAME, *, alpha: bool = False) -> None:
        if info.size.height % 2 or info.size.width % 2:
            raise SinkError(f"NDI takes even sizes only, got {info.size}; scale or crop the picture by one pixel")
        self.wants: PixelFormat = "rgba" if alpha else "rgb"
        self.carries_alpha = alpha
        self.name = name
        self._size = info.size
        self._room: UInt8Array = np.empty((info.size.height, info.size.width, 4), np.uint8)
        self._sender = _sender(info, name, alpha)

    @property
    def receivers(self) -> int:
        """Programs that receive the stream at this moment."""
        return int(self._sender.get_num_connections(0))

    def write(self, frame: Frame) -> None:
        same_size(frame, self._size, f"the NDI stream {self.name}")
        pixels = channels_of(frame.pixels, 4 if self.carries_alpha else 3)
        if not self.carries_alpha:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA, dst=self._room), np.uint8)
        if not self._sender.write_video_async(np.ascontiguousarray(pixels).reshape(-1)):
            raise SinkError(f"NDI took no frame of the stream {self.name}; open it again")

    def close(self) -> None:
        if self._sender is not None:
            self._sender.close()
        self._sender = None


def from_spec(rest: str, info: StreamInfo, options: Options) -> NdiSink:
    """An NDI stream for the registry: "" or its name; raises SinkError for a matte side by side."""
    if options.alpha == "side-by-side":
        raise SinkError("NDI has an alpha channel, so it takes no matte side by side; leave that option out")
    return NdiSink(info, rest.strip() or NAME, alpha=bool(options.alpha))


def _sender(info: StreamInfo, name: str, alpha: bool) -> Any:
    """An open sender of cyndilib for frames of that size and rate; it copies what it is given."""
    try:
        from cyndilib.sender import Sender
        from cyndilib.video_frame import VideoSendFrame
        from cyndilib.wrapper.ndi_structs import FourCC
    except ModuleNotFoundError as error:
        raise MissingExtraError("an NDI stream", "cyndilib", "ndi") from error
    except (ImportError, OSError) as error:
        raise SinkError(f"NDI's library does not load: {error}; install cyndilib again, or write to a file") from error
    frame = VideoSendFrame()
    frame.set_resolution(info.size.width, info.size.height)
    frame.set_frame_rate(info.rate)
    frame.set_fourcc(FourCC.RGBA if alpha else FourCC.RGBX)
    sender = Sender(name, clock_video=False, clock_audio=False)  # the stream's own clock paces it
    sender.set_video_frame(frame)
    try:
        sender.open()
    except RuntimeError as error:
        raise SinkError(f"NDI opens no stream {name!r}: {error or 'it does not say why'}; try another name") from error
    return sender
