"""What benchmarks look at: the demo's portrait before a moving camera, as a decoded H.264 file of any size.

Letters: H, W height and width.
"""

from __future__ import annotations

import os
import tempfile
from fractions import Fraction
from itertools import islice
from pathlib import Path

from rimlight import assets
from rimlight.demo import camera_path, sunset
from rimlight.errors import SinkError
from rimlight.pixels import fill, read_picture, to_i420, to_rgb
from rimlight.realtime.sinks import open_sink
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sources.file import FileSource
from rimlight.types import Frame, Pixels, Size, UInt8Array

PORTRAIT = "astronaut.jpg"
RATE = Fraction(30)
FRAMES = 120
EDITION = 1  # raised when the same portrait gives another clip


def clip_file(size: Size, frames: int = FRAMES, folder: Path | None = None) -> Path:
    """A video of the portrait, H.264 at 30 frames per second, the same in every run; kept in the temporary folder.

    Raises SinkError if it cannot be written.
    """
    portrait = assets.asset(PORTRAIT)
    path = (folder or _folder()) / f"portrait-{portrait.sha256[:8]}-{EDITION}-{size}-{frames}.mp4"
    if path.is_file():
        return path
    image = read_picture(portrait.path.read_bytes(), portrait.path.name)
    with open_sink(str(path), StreamInfo(size, RATE)) as sink:
        for index, picture in enumerate(camera_path(image, frames)):
            frame = Frame(to_i420(fill(picture, size)), index / float(RATE), 0.0, cut=index == 0)
            sink.write(frame)
    return path


def decoded(path: Path, most: int) -> list[Pixels]:
    """The first frames of a file as the decoder gives them; its threads are gone when this returns.

    Raises SourceError if the file is no video.
    """
    with FileSource(path) as source:
        return [frame.pixels for frame in islice(source, most)]


def pictures(path: Path, most: int) -> list[UInt8Array]:
    """The first frames of a file as (H, W, 3) RGB."""
    return [to_rgb(pixels) for pixels in decoded(path, most)]


def backdrop(size: Size) -> UInt8Array:
    """The picture (H, W, 3) that stands behind the person in every comparison."""
    return sunset(size)


def _folder() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"rimlight-bench-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SinkError(f"cannot make {folder}: {error.strerror}; set TMPDIR to another") from error
    return folder
