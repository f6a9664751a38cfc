"""Receives one frame of the NDI stream of that name and saves it; run as a program of its own.

In the sender's process it would stand in its way: cyndilib's receiver holds the interpreter lock while it waits.
"""

from __future__ import annotations

import sys

import numpy as np
from cyndilib.finder import Finder
from cyndilib.receiver import ReceiveFrameType, Receiver
from cyndilib.video_frame import VideoRecvFrame
from cyndilib.wrapper.ndi_recv import RecvBandwidth, RecvColorFormat

TRIES = 40
WAIT_S = 0.5


def main(name: str, path: str) -> None:
    """Save pixels (H, W, 4), fourcc and rate as .npz."""
    receiver = Receiver(color_format=RecvColorFormat.RGBX_RGBA, bandwidth=RecvBandwidth.highest)
    frame = VideoRecvFrame()
    receiver.set_video_frame(frame)
    with Finder() as finder:
        receiver.set_source(found(finder, name))
        if not any(came(receiver) for _ in range(TRIES)):
            sys.exit("no frame came")
    data = np.zeros(frame.get_buffer_size(), np.uint8)
    frame.fill_p_data(data)
    width, height = frame.get_resolution()
    rate = str(frame.get_frame_rate())
    np.savez(path, pixels=data.reshape(height, width, 4), fourcc=frame.get_fourcc().name, rate=rate)


def found(finder: Finder, name: str) -> object:
    """The stream of that name."""
    for _ in range(TRIES):
        finder.wait_for_sources(WAIT_S)
        for one in finder.get_source_names():
            if f"({name})" in one:
                return finder.get_source(one)
    sys.exit("no such stream")


def came(receiver: Receiver) -> bool:
    """Whether a picture comes in time."""
    kind = receiver.receive(ReceiveFrameType.recv_video, round(WAIT_S * 1000))
    return bool(kind == ReceiveFrameType.recv_video)


if __name__ == "__main__":
    main(*sys.argv[1:])
