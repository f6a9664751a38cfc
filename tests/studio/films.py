"""Small videos whose true mattes are known: a bright disc that wanders over a dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from rimlight.studio.matte import Film
from rimlight.studio.survey import checksum, survey
from rimlight.studio.trimaps import FOREGROUND, UNKNOWN
from rimlight.types import UInt8Array

GROUND, DISC = (20, 30, 60), (230, 200, 60)
SHOTS = ((20, 30, 60), (150, 40, 90), (30, 120, 60))  # grounds of films with cuts


def centre(index: int, height: int, width: int) -> tuple[int, int]:
    """Where the disc is (x, y)."""
    return width // 4 + index * 2 % (width // 2), height // 2


def picture(index: int, height: int, width: int, ground: tuple[int, int, int] = GROUND) -> UInt8Array:
    image = np.empty((height, width, 3), np.uint8)
    image[:] = ground
    image[:, :, 1] += (np.arange(width) % 32).astype(np.uint8)
    return np.asarray(cv2.circle(image, centre(index, height, width), height // 5, DISC, cv2.FILLED), np.uint8)


def true_trimap(index: int, height: int, width: int, band: int = 3) -> UInt8Array:
    trimap = np.zeros((height, width), np.uint8)
    cv2.circle(trimap, centre(index, height, width), height // 5 + band, UNKNOWN, cv2.FILLED)
    cv2.circle(trimap, centre(index, height, width), height // 5 - band, FOREGROUND, cv2.FILLED)
    return trimap


def write_film(
    path: Path, frames: int = 30, height: int = 96, width: int = 160, cuts: Sequence[int] = (), codec: str = "libx264"
) -> Path:
    """A film of the disc; at every cut the ground changes its colour."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"crf": "8", "g": "12"} if codec == "libx264" else {})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for index in range(frames):
            shot = sum(cut <= index for cut in cuts)
            image = picture(index, height, width, SHOTS[shot % len(SHOTS)])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def film_of(path: Path) -> Film:
    return Film(path, survey(path), checksum(path))


def read_film(path: Path, pixels: str = "rgb24") -> list[UInt8Array]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format=pixels) for frame in container.decode(video=0)]
