"""Clips that exports are compared and calibrated on: the shipped portrait before a moving camera, or a video.

Letters: T frames, h, w internal size.
"""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from rimlight import assets
from rimlight.errors import SourceError
from rimlight.pixels import fill, read_picture
from rimlight.signature import internal_size
from rimlight.types import FloatArray, Size, UInt8Array

PORTRAIT = "astronaut.jpg"
WINDOW = 0.8  # of the portrait's shorter side, that the camera sees
TURN = 40  # frames until the camera is back
TAKEN, EVERY = 24, 20  # frames of a video: how many, and how far apart


def clip(frames: int, size: Size) -> tuple[FloatArray, list[bool]]:
    """Pictures (T, 3, h, w) 0..1 and whether each is a cut: the first, and the one in the middle.

    After the middle the portrait is mirrored and darker.
    """
    portrait = read_picture(assets.asset(PORTRAIT).path.read_bytes(), PORTRAIT)
    turned = np.ascontiguousarray(portrait[:, ::-1] // 2)
    middle = frames // 2
    seen = [_seen(portrait if t < middle else turned, t, size) for t in range(frames)]
    images = np.stack(seen).transpose(0, 3, 1, 2).astype(np.float32) / 255
    return np.ascontiguousarray(images), [t in (0, middle) for t in range(frames)]


def video_clip(path: Path, size: Size | None = None) -> tuple[FloatArray, list[bool]]:
    """Pictures (T, 3, h, w) 0..1 from the start of a video, some frames apart; only the first is a cut.

    size: of the pictures, that of the network for this video without it. Raises SourceError if the file is no video.
    """
    try:
        with av.open(str(path)) as container:
            chosen = islice(container.decode(video=0), 0, TAKEN * EVERY, EVERY)
            found = [_small(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), size) for frame in chosen]
    except (OSError, ValueError, IndexError) as error:  # PyAV's errors are among them
        raise SourceError(f"cannot read {path.name}: {error}; expected a video") from error
    if not found:
        raise SourceError(f"{path.name} has no frames; expected a video")
    images = np.stack(found).transpose(0, 3, 1, 2).astype(np.float32) / 255
    return np.ascontiguousarray(images), [t == 0 for t in range(len(images))]


def _small(picture: UInt8Array, size: Size | None) -> UInt8Array:
    return fill(picture, size or internal_size(Size(*picture.shape[:2])))


def _seen(picture: UInt8Array, frame: int, size: Size) -> UInt8Array:
    """The camera's view (h, w, 3) of a picture (H, W, 3)."""
    high, wide = picture.shape[:2]
    ratio = WINDOW * min(high / size.height, wide / size.width)
    view = Size(int(size.height * ratio), int(size.width * ratio))
    angle = 2 * math.pi * frame / TURN
    top = int((high - view.height) * (0.05 + 0.05 * math.sin(angle)))  # high up: that is where the head is
    left = int((wide - view.width) * (0.5 + 0.5 * math.cos(angle)))
    cut = picture[top : top + view.height, left : left + view.width]
    return np.asarray(cv2.resize(cut, (size.width, size.height), interpolation=cv2.INTER_AREA), np.uint8)
