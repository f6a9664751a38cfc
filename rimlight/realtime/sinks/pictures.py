"""One picture file per frame."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from rimlight.errors import SinkError
from rimlight.pixels import to_rgb
from rimlight.realtime.sinks.base import Ends, PixelFormat, StreamInfo, channels_of
from rimlight.realtime.sinks.options import Options
from rimlight.types import Frame, UInt8Array

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
NUMBER = re.compile(r"%0?\d*d")
PNG_EFFORT = 1  # higher ones take several times as long for a few percent
JPEG_QUALITY = 95


class PicturesSink(Ends):
    """Writes frame 0, 1, 2 … to a numbered name such as out/%05d.png; a folder gets that pattern.

    A name without a number takes one frame. Frames may change their size. PNG keeps alpha, straight; JPEG cannot.
    Each picture appears whole or not at all, and those that are there stay whatever comes later. The folder is made
    where only it is missing. first: the number of the first picture. pattern: the path that is written, with the place
    of the number if it is numbered.
    Raises SinkError where the folder cannot be written, a picture exists that may not be replaced, or alpha is asked of
    JPEG.
    """

    def __init__(self, path: str | Path, *, alpha: bool = False, overwrite: bool = True, first: int = 0) -> None:
        folder = Path(path)
        is_folder = str(path).endswith(("/", "\\")) or folder.is_dir()
        self.pattern = folder / "%05d.png" if is_folder else folder
        self._suffix = _suffix(self.pattern, alpha)
        self.numbered = NUMBER.search(self.pattern.name) is not None
        self._overwrite = overwrite
        self.wants: PixelFormat = "rgba" if alpha else "rgb"
        self.carries_alpha = alpha
        self.frames = 0
        self._first = first
        self._made = _make(self.pattern.parent)
        self._refuse_existing(self._name(first))

    def write(self, frame: Frame) -> None:
        if self.frames and not self.numbered:
            raise SinkError(f"{self.pattern} holds one picture; write a number into the name, such as out/%05d.png")
        target = self._name(self._first + self.frames)
        self._refuse_existing(target)
        _write(target, self._encoded(frame))
        self.frames += 1

    def discard(self) -> None:
        """Keep the pictures that were written; remove the folder if it was made for pictures that never came."""
        if self._made and not self.frames:
            with suppress(OSError):
                self.pattern.parent.rmdir()

    def _name(self, index: int) -> Path:
        name = NUMBER.sub(lambda match: match[0] % index, self.pattern.name, count=1)
        return self.pattern.with_name(name)

    def _encoded(self, frame: Frame) -> UInt8Array:
        if self.carries_alpha:
            picture = cv2.cvtColor(channels_of(frame.pixels, 4), cv2.COLOR_RGBA2BGRA)
        else:
            picture = cv2.cvtColor(to_rgb(frame.pixels), cv2.COLOR_RGB2BGR)
        effort = [cv2.IMWRITE_PNG_COMPRESSION, PNG_EFFORT, cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        good, data = cv2.imencode(self._suffix, picture, effort[:2] if self._suffix == ".png" else effort[2:])
        if not good:
            raise SinkError(f"a picture of {frame.size} cannot be written as {self._suffix}; choose .png")
        return np.asarray(data, dtype=np.uint8)

    def _refuse_existing(self, target: Path) -> None:
        if not self._overwrite and target.exists():
            raise SinkError(f"{target} exists; choose another name or allow overwriting")


def from_spec(path: str, info: StreamInfo, options: Options) -> PicturesSink:  # noqa: ARG001 - any size and rate
    """Pictures for the registry; raises SinkError for a matte beside the fill, which PNG does not need."""
    if options.alpha == "side-by-side":
        raise SinkError("pictures keep alpha in PNG; leave out side-by-side")
    return PicturesSink(path, alpha=bool(options.alpha), overwrite=options.overwrite)


def _suffix(pattern: Path, alpha: bool) -> str:
    suffix = pattern.suffix.lower()
    if suffix not in SUFFIXES:
        raise SinkError(f"expected pictures as .png or .jpg, got {pattern.name}; write a name such as out/%05d.png")
    if alpha and suffix != ".png":
        raise SinkError(f"JPEG has no alpha; write {pattern.with_suffix('.png').name}")
    return suffix


def _make(folder: Path) -> bool:
    """Whether the folder was not there before."""
    new = not folder.exists()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise SinkError(f"the folder {folder} cannot be made: {error.strerror}; make it or choose another") from error
    if not os.access(folder, os.W_OK):
        raise SinkError(f"the folder {folder} may not be written; choose another")
    return new


def _write(target: Path, data: UInt8Array) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data.data)
        part.replace(target)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise SinkError(f"{target} cannot be written: {error.strerror}; make room or choose another") from error
        raise
