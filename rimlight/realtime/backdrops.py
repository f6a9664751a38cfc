"""What stands behind the person: a colour, a picture, a looping video, the blurred scene, or nothing.

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from rimlight.compose import Backing, blurred, low_alpha
from rimlight.errors import BackdropError, FrameError, SourceError
from rimlight.pixels import fill, read_picture
from rimlight.realtime.matted import Seen
from rimlight.realtime.sources.file import FileSource
from rimlight.types import Coefficients, FloatArray, Frame, Size, UInt8Array

log = logging.getLogger(__name__)

COLOURS = {
    "black": "#000000", "white": "#ffffff", "grey": "#808080", "gray": "#808080",
    "green": "#00b140", "blue": "#0047bb", "red": "#c8102e",
}  # fmt: skip
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
BACK_S = 1.0  # a clock that goes back further has begun again
COVER_GREY = 0.15  # what a cover shows where the backdrop itself would be made from the room


@dataclass(frozen=True, slots=True)
class Scene:
    """What a backdrop may look at: time, sizes, and the small frame (3, h, w) with its coefficients.

    The last two may have to be downloaded from a device, for every frame.
    """

    pts_s: float
    full: Size
    seen: Seen

    @property
    def internal(self) -> Size:
        return self.seen.internal

    @property
    def small(self) -> FloatArray:
        return self.seen.small

    @property
    def coefficients(self) -> Coefficients:
        return self.seen.coefficients


class Backdrop(Protocol):
    """Gives what is to stand behind one frame; transparent says that there is nothing and output carries alpha."""

    transparent: bool

    def backing(self, scene: Scene) -> Backing:
        """(H, W, 3) uint8, or (3, h, w) float32 0..1 for what is soft, or None. Valid until the next call."""

    def cover(self, full: Size, pts_s: float) -> UInt8Array:
        """(H, W, 3) uint8 to show when there is no fresh matte; never made from the scene."""

    def close(self) -> None:
        """Free the file, if one is held open."""


class _Held:
    """A backdrop that holds no file open."""

    def close(self) -> None:
        """Nothing to free."""


@lru_cache(maxsize=8)
def _plain(red: float, green: float, blue: float, full: Size) -> UInt8Array:
    """A picture of one colour; the same one for the same question, so that who converts it can tell."""
    colour = np.round(np.array([red, green, blue]) * 255).astype(np.uint8)
    return np.broadcast_to(colour, (full.height, full.width, 3)).copy()


class Colour(_Held):
    """One colour; rgb (3,) float32 0..1."""

    transparent = False

    def __init__(self, rgb: FloatArray) -> None:
        self._rgb = rgb
        self._soft: FloatArray = np.empty((3, 0, 0), np.float32)

    def backing(self, scene: Scene) -> Backing:
        shape = (3, scene.internal.height, scene.internal.width)
        if self._soft.shape != shape:
            self._soft = np.broadcast_to(self._rgb[:, None, None], shape).copy()
        return self._soft

    def cover(self, full: Size, pts_s: float) -> UInt8Array:  # noqa: ARG002 - a colour has no time
        return _plain(*self._rgb.tolist(), full)


class Picture(_Held):
    """A still picture, scaled and centre-cropped to cover the frame."""

    transparent = False

    def __init__(self, image: UInt8Array) -> None:
        self._image = image
        self._filled = image

    def backing(self, scene: Scene) -> Backing:
        return self.cover(scene.full, scene.pts_s)

    def cover(self, full: Size, pts_s: float) -> UInt8Array:  # noqa: ARG002 - a still has no time
        if self._filled.shape[:2] != (full.height, full.width):
            self._filled = fill(self._image, full)
        return self._filled


class Video:
    """A video at its own frame rate, from its start again when it ends; what it shows depends on the time alone.

    If its file vanishes or breaks while it runs, an error says so; with freeze the last picture stands still from then
    on and the log says so, because a backdrop must not end a call.
    """

    transparent = False
    _shown: Frame
    _next: Frame | None

    def __init__(self, path: Path, *, freeze: bool = False) -> None:
        self._path, self._freeze = path, freeze
        self._source: FileSource | None = None
        self._filled: UInt8Array = np.empty((0, 0, 3), np.uint8)
        self._stands = False  # for good, since the file cannot be read any more
        self._begin(0.0)

    def backing(self, scene: Scene) -> Backing:
        return self.cover(scene.full, scene.pts_s)

    def cover(self, full: Size, pts_s: float) -> UInt8Array:
        """The picture of that time; time that goes back a little keeps the picture that is shown."""
        fresh = False
        try:
            fresh = not self._stands and self._advance(pts_s)
        except (BackdropError, SourceError) as error:
            if not self._freeze:
                raise
            self._stands = True
            log.warning("the backdrop stands still from now on: %s", error)
        if fresh or self._filled.shape[:2] != (full.height, full.width):
            self._filled = fill(self._shown.image, full)
        return self._filled

    def close(self) -> None:
        if self._source is not None:
            self._source.close()

    def _advance(self, pts_s: float) -> bool:
        moved = pts_s < self._offset_s + self._shown.pts_s - BACK_S
        if moved:
            self._begin(0.0)
        while pts_s - self._offset_s >= self._end_s():
            if self._next is None:
                length_s = self._end_s()
                loops = max(round(self._offset_s / length_s) + 1, int(pts_s / length_s))
                self._begin(loops * length_s)
            else:
                self._shown = self._next
                self._next = next(self._frames, None)
            moved = True
        return moved

    def _end_s(self) -> float:
        """When the shown picture ends, on the video's clock."""
        return self._next.pts_s if self._next else self._shown.pts_s + self._interval_s

    def _begin(self, offset_s: float) -> None:
        """Open the file anew, to run from that time on the frames' clock."""
        self.close()
        try:
            self._source = FileSource(self._path)
        except SourceError as error:
            raise BackdropError(f"cannot use {self._path.name} as a backdrop: {error}") from error
        self._offset_s, self._interval_s = offset_s, float(1 / self._source.rate)
        self._frames = iter(self._source)
        self._shown = next(self._frames)  # a file without a frame does not open
        self._next = next(self._frames, None)


class Blur(_Held):
    """The scene without the person, blurred; strength 0..1."""

    transparent = False

    def __init__(self, strength: float) -> None:
        if not 0 <= strength <= 1:
            raise BackdropError(f"expected a blur of 0 to 1, such as blur:0.6, got blur:{strength:g}")
        self.strength = strength

    def backing(self, scene: Scene) -> Backing:
        return blurred(scene.small, low_alpha(scene.coefficients, scene.small), self.strength)

    def cover(self, full: Size, pts_s: float) -> UInt8Array:  # noqa: ARG002 - a cover shows nothing of the scene
        return _plain(COVER_GREY, COVER_GREY, COVER_GREY, full)


class Transparent(_Held):
    """Nothing: the output carries alpha."""

    transparent = True

    def backing(self, scene: Scene) -> Backing:  # noqa: ARG002 - there is none
        return None

    def cover(self, full: Size, pts_s: float) -> UInt8Array:  # noqa: ARG002 - black under alpha 0
        return _plain(0.0, 0.0, 0.0, full)


def open_backdrop(spec: str, *, freeze: bool = False) -> Backdrop:
    """The backdrop a text names: blur, blur:0.6, transparent, a colour (#1e90ff, green), a picture's or a video's path.

    freeze: a video whose file breaks later stands still, for calls; without, it raises, for files. Raises
    BackdropError that says what can be named.
    """
    kind, _, rest = spec.partition(":")
    if spec == "transparent":
        return Transparent()
    if kind == "blur":
        try:
            return Blur(float(rest or 0.5))
        except ValueError as error:
            raise BackdropError(f"expected a blur of 0 to 1, such as blur:0.6, got {spec!r}") from error
    colour = COLOURS.get(spec.lower(), spec)
    if re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        return Colour(np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / np.float32(255))
    return _from_file(spec, freeze)


def _from_file(spec: str, freeze: bool) -> Backdrop:
    path = Path(spec)
    if not os.path.isfile(spec):  # Path.is_file raises for names that are too long and folders that may not be entered
        raise BackdropError(
            f"no backdrop {spec!r}: expected blur, transparent, a colour such as #1e90ff or "
            f"{'/'.join(COLOURS)}, or the path of a picture or video"
        )
    if path.suffix.lower() not in PICTURES:
        return Video(path, freeze=freeze)
    try:
        return Picture(read_picture(path.read_bytes(), path.name))
    except (FrameError, OSError) as error:
        raise BackdropError(f"cannot use {path.name} as a backdrop: {error}") from error
