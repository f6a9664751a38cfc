"""A small picture of a finished video, for the report."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from rimlight.types import UInt8Array

LONG_SIDE = 320  # of the picture
QUALITY = 80  # of JPEG
SQUARE = 8  # pixels of the board that shows through where the video is transparent
LIGHT, DARK = 235, 205


def sample_of(path: Path) -> bytes | None:
    """A frame from about the middle as JPEG, over a chequered board where it has alpha; None if none can be decoded."""
    try:
        with av.open(f"file:{path}") as container:
            frame = _middle(container)
    except FFmpegError:
        return None
    return None if frame is None else _jpeg(np.asarray(frame.to_ndarray(format="rgba"), np.uint8))


def _middle(container: InputContainer) -> VideoFrame | None:
    stream = container.streams.video[0]
    if container.duration:
        container.seek(container.duration // 2)
    if "1" not in (stream.metadata.get("alpha_mode"), stream.metadata.get("ALPHA_MODE")):
        return next(container.decode(stream), None)
    context = av.CodecContext.create("libvpx-vp9", "r")  # the only decoder that gives the alpha of VP9
    assert isinstance(context, av.VideoCodecContext)
    packets = (packet for packet in container.demux(stream) if packet.size)
    return next((frame for packet in packets for frame in context.decode(packet)), None)


def _jpeg(rgba: UInt8Array) -> bytes:
    """(H, W, 4) over a board."""
    height, width = rgba.shape[:2]
    scale = min(1.0, LONG_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(rgba, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    rows, columns = np.indices(small.shape[:2]) // SQUARE
    board = np.where((rows + columns) % 2, DARK, LIGHT)[..., None]  # (h, w, 1)
    alpha = small[..., 3:] / 255
    mixed = small[..., :3] * alpha + board * (1 - alpha)
    _, encoded = cv2.imencode(".jpg", mixed[..., ::-1].round().astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return bytes(encoded.tobytes())
