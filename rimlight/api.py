"""The short way in: mattes of a file, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rimlight.realtime.session import Session, Settings
from rimlight.realtime.sources import open_source
from rimlight.types import Frame, Matte


def mattes(source: str | Path, settings: Settings | None = None) -> Iterator[tuple[Frame, Matte]]:
    """Every frame of a source with its matte: alpha (H, W) float32 0..1, foreground (H, W, 3) uint8, straight.

    source: a file, a picture, "camera:0" or "pattern". Raises RimlightError where it cannot be read.
    """
    with open_source(str(source)) as opened, Session(settings) as session:
        for frame in opened:
            yield frame, session.matte(frame)
