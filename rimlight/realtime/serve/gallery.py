"""The backdrops that everybody can choose from: painted ones, and the pictures of a folder if the operator has one.

A name that comes from the network is only ever looked up in a dictionary; it never becomes part of a path.
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import cv2
from PIL import Image

from rimlight.errors import BackdropError, ConfigError
from rimlight.pixels import fill
from rimlight.realtime.control.changes import suggestion
from rimlight.realtime.serve import places, surfaces
from rimlight.realtime.serve.painting import finished
from rimlight.realtime.serve.uploads import DAMAGED, FORMATS, Limits, decode
from rimlight.types import FloatArray, Size, UInt8Array

log = logging.getLogger(__name__)

FULL = Size(1080, 1920)
SMALL = Size(180, 320)  # a thumbnail
MOST_KEPT = 8  # pictures of 6 MB each; one that was given up is made again when it is asked for
MOST_FILES = 200
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
OWN = Limits(most_bytes=64 * 1024 * 1024, most_pixels=100_000_000)  # the operator's files may be larger than uploads
PAINTED: dict[str, tuple[str, Callable[[int, int], FloatArray]]] = {
    "dawn": ("Dawn", surfaces.dawn),
    "dusk": ("Dusk", surfaces.dusk),
    "slate": ("Slate", surfaces.slate),
    "studio": ("Studio", surfaces.studio),
    "plaster": ("Sage plaster", surfaces.plaster),
    "paper": ("Paper", surfaces.paper),
    "window-light": ("Window light", surfaces.window_light),
    "bookshelf": ("Bookshelf", places.bookshelf),
    "lounge": ("Lounge", places.lounge),
    "city-lights": ("City lights", places.city_lights),
    "forest": ("Forest", places.forest),
    "hills": ("Hills", places.hills),
}


class Gallery:
    """Pictures by name, made when they are first asked for; safe to use from several threads.

    folder: PNG, JPEG and WebP files that are listed once, now. Raises ConfigError where it cannot be read.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._files = _listed(folder) if folder else {}
        self._kept: OrderedDict[str, UInt8Array] = OrderedDict()
        self._thumbnails: dict[str, bytes] = {}
        self._one = threading.Lock()

    def names(self) -> tuple[str, ...]:
        """All names, in the order in which they are to be shown."""
        return (*PAINTED, *self._files)

    def title(self, name: str) -> str:
        """What people are shown of a name; raises BackdropError."""
        self._check(name)
        return PAINTED[name][0] if name in PAINTED else self._files[name][0]

    def picture(self, name: str) -> UInt8Array:
        """(1080, 1920, 3) uint8 RGB, shared and not to be written to; takes up to a second the first time.

        Raises BackdropError for a name that there is not, and for a file that cannot be read any more.
        """
        self._check(name)
        with self._one:
            if name not in self._kept:
                self._kept[name] = self._made(name, FULL)
            self._kept.move_to_end(name)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[name]

    def thumbnail(self, name: str) -> bytes:
        """JPEG of 320x180; raises as `picture` does."""
        self._check(name)
        with self._one:
            if name not in self._thumbnails:
                double = Size(2 * SMALL.height, 2 * SMALL.width)
                self._thumbnails[name] = _jpeg(fill(self._made(name, double), SMALL))
            return self._thumbnails[name]

    def _check(self, name: str) -> None:
        if name not in PAINTED and name not in self._files:
            raise BackdropError(f"the gallery has no picture {name!r:.40}; {suggestion(name, list(self.names()))}")

    def _made(self, name: str, size: Size) -> UInt8Array:
        if name in PAINTED:
            return finished(PAINTED[name][1](size.height, size.width), seed=list(PAINTED).index(name))
        try:
            return fill(decode(self._files[name][1].read_bytes(), OWN), size)
        except OSError as error:
            raise BackdropError(f"the gallery's picture {name} cannot be read any more: {error.strerror}") from error


def _listed(folder: Path) -> dict[str, tuple[str, Path]]:
    """Titles and paths of a folder's pictures by name."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise ConfigError(f"the gallery's folder {folder} cannot be read: {error.strerror}") from error
    found: dict[str, tuple[str, Path]] = {}
    for path in paths:
        if len(found) == MOST_FILES:
            log.warning("the gallery takes %d pictures of %d; the rest is left out", MOST_FILES, len(paths))
            break
        if _is_picture(path):
            found[_free_name(path.stem, {*PAINTED, *found})] = (_title(path.stem), path)
        else:
            log.warning("the gallery leaves out %s: no PNG, JPEG or WebP picture", path.name)
    return found


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path, formats=FORMATS) as image:
            return image.height * image.width <= OWN.most_pixels
    except (*DAMAGED, Image.DecompressionBombError, Warning):
        return False


def _free_name(stem: str, taken: set[str]) -> str:
    """A name of small letters, digits and hyphens that is not taken."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].rstrip("-") or "picture"
    numbered = (f"{name}-{number}" for number in range(2, MOST_FILES + len(PAINTED) + 2))
    return next(one for one in (name, *numbered) if one not in taken)


def _title(stem: str) -> str:
    words = " ".join(re.sub(r"[_-]+", " ", stem).split())[:40]
    return words[:1].upper() + words[1:] or "Picture"


def _jpeg(picture: UInt8Array) -> bytes:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, 85))
    assert done
    return data.tobytes()
