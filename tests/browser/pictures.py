"""What the fake camera shows, and pictures to upload: plain colours that no coding can mix up."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

from rimlight.types import UInt8Array

CAMERA = (224, 32, 208)  # magenta: no backdrop of these tests has it
HEIGHT, WIDTH, FPS, FRAMES = 180, 320, 30, 60
Colour = tuple[int, int, int]
Point = tuple[float, float]  # down and across, 0..1
CENTRE = (0.65, 0.5)  # within the ellipse that the fake backend takes for a person
CORNERS = ((0.04, 0.03), (0.04, 0.97), (0.96, 0.03), (0.96, 0.97))


def camera_file(folder: Path) -> Path:
    """A Y4M file for Chromium's fake camera: magenta, with a white bar that moves, so that frames differ."""
    path = folder / "camera.y4m"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=FPS)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(_camera(index), format="rgb24").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _camera(index: int) -> UInt8Array:
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:] = CAMERA
    column = WIDTH // 4 + index * 2 % (WIDTH // 2)
    image[HEIGHT // 4 : HEIGHT // 3, column : column + 8] = 255
    return image


def png(colour: Colour, height: int = 90, width: int = 160) -> bytes:
    """A PNG of one colour."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = colour[::-1]
    done, data = cv2.imencode(".png", image)
    assert done
    return data.tobytes()
