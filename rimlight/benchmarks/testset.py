"""Folders of clips with the truth: CLIP/src/NAME.jpg, CLIP/pha/NAME.png and, where it is known, CLIP/fgr/NAME.png.

Letters: H, W height and width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from rimlight.errors import SourceError
from rimlight.types import FloatArray, Size, UInt8Array

PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class TrueFrame:
    """image (H, W, 3) uint8 RGB, its true alpha (H, W) float32 0..1, and true foreground (H, W, 3) uint8 or None."""

    image: UInt8Array
    alpha: FloatArray
    foreground: UInt8Array | None


@dataclass(frozen=True, slots=True)
class TrueClip:
    """The files of one clip, frame by frame in the order of their names; foregrounds is empty where unknown."""

    name: str
    size: Size
    images: tuple[Path, ...]
    alphas: tuple[Path, ...]
    foregrounds: tuple[Path, ...]

    def frames(self) -> Iterator[TrueFrame]:
        """Read the frames one after the other; raises SourceError that names the first bad file."""
        for index, path in enumerate(self.images):
            image = self._checked(path, cv2.IMREAD_COLOR)
            alpha = self._checked(self.alphas[index], cv2.IMREAD_GRAYSCALE)
            foreground = self._checked(self.foregrounds[index], cv2.IMREAD_COLOR) if self.foregrounds else None
            yield TrueFrame(image, alpha.astype(np.float32) / np.float32(255), foreground)

    def _checked(self, path: Path, way: int) -> UInt8Array:
        picture = _read(path, way)
        size = Size(*picture.shape[:2])
        if size != self.size:
            raise SourceError(f"expected {path} to be {self.size}, as the clip's first frame, got {size}")
        return picture


def find_clips(folder: Path) -> list[TrueClip]:
    """The clips in folder, by size and then by name, smallest first.

    Raises SourceError if there is no folder or no clip in it, if a clip lacks src/ or pha/, or if their files do not
    answer each other; the first bad file is named. Pictures other than each clip's first are read later, by frames().
    """
    if not folder.is_dir():
        raise SourceError(
            f"expected a folder of clips, got {folder}, which is no folder; give one with CLIP/src, CLIP/pha"
        )
    clips = [_clip(path) for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    if not clips:
        raise SourceError(f"expected clips as CLIP/src/*.jpg and CLIP/pha/*.png in {folder}, got no folder in it")
    return sorted(clips, key=lambda clip: (clip.size.height * clip.size.width, str(clip.size), clip.name))


def _clip(folder: Path) -> TrueClip:
    images = _pictures(folder / "src")
    alphas = _answering(folder / "pha", images)
    foregrounds = _answering(folder / "fgr", images) if (folder / "fgr").is_dir() else ()
    size = Size(*_read(images[0], cv2.IMREAD_COLOR).shape[:2])
    return TrueClip(folder.name, size, images, alphas, foregrounds)


def _pictures(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise SourceError(f"expected pictures in {folder}, got no such folder; a clip is CLIP/src and CLIP/pha")
    found = tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES))
    if not found:
        raise SourceError(f"expected {', '.join(PICTURES)} files in {folder}, got none")
    return found


def _answering(folder: Path, images: tuple[Path, ...]) -> tuple[Path, ...]:
    found = _pictures(folder)
    stems, wanted = [path.stem for path in found], [path.stem for path in images]
    if stems == wanted:
        return found
    lone = sorted(set(wanted).symmetric_difference(stems)) or [next(s for s in stems if stems.count(s) > 1)]
    raise SourceError(
        f"expected one file in {folder} for each of {len(images)} in {images[0].parent}, got {len(found)}; "
        f"first without its pair: {lone[0]}"
    )


def _read(path: Path, way: int) -> UInt8Array:
    """(H, W, 3) uint8 RGB, or (H, W) uint8 by IMREAD_GRAYSCALE."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise SourceError(f"expected a picture at {path}, got: {error.strerror or error}") from error
    picture = cv2.imdecode(data, way) if data.size else None
    if picture is None:
        raise SourceError(f"expected a picture at {path}, got {data.size} bytes that are none; replace the file")
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return np.asarray(picture, np.uint8)
