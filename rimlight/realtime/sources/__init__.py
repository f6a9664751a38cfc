"""Sources of frames by name: a camera, a file, a picture, a test pattern."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import PurePath

from rimlight.errors import SourceError
from rimlight.realtime.sources import camera, file, pattern, picture
from rimlight.realtime.sources.base import Source
from rimlight.types import Size

__all__ = ["SOURCES", "Opener", "Source", "kind_of", "open_source"]

Opener = Callable[[str, Size | None, Fraction | None], Source]

SOURCES: dict[str, Opener] = {
    "camera": camera.from_spec,
    "file": file.from_spec,
    "pattern": pattern.from_spec,
    "pattern-live": pattern.live_from_spec,
    "picture": picture.from_spec,
}


def open_source(spec: str, *, size: Size | None = None, rate: Fraction | None = None) -> Source:
    """Open a source by its name.

    spec: "camera", "camera:1", "0" or "/dev/video0"; "pattern:1280x720@30"; "pattern-live", the same at
    its own pace; the path of a video or picture. A path that looks like something else is written "file:PATH" or
    "picture:PATH".
    size and rate are asked of a camera (which may give others) and of the pattern; a rate also times a picture.
    Raises SourceError where nothing can be opened, or where a file is asked for a size or rate that is not its own.
    """
    kind, rest = kind_of(spec)
    try:
        return SOURCES[kind](rest, size, rate)
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise SourceError(f"{spec[:80]!r} cannot be opened: {error.strerror or error}; give another name") from error


def kind_of(spec: str) -> tuple[str, str]:
    """Name in the registry and what is left of the spec; raises SourceError for what can be none."""
    if not spec.strip():
        raise SourceError("expected a source, got an empty name; give a file, camera:0 or pattern")
    if "://" in spec:
        raise SourceError(f"{spec} is an address, and only files and cameras can be read; record it to a file first")
    head, _, rest = spec.partition(":")
    if head in SOURCES:
        return head, rest
    if spec.isdecimal() or spec.startswith("/dev/video"):
        return "camera", spec
    if PurePath(spec).suffix.lower() in picture.SUFFIXES:
        return "picture", spec
    return "file", spec
