"""Packing a data set into a few tar files that travel in pieces; layouts.packed reads them without unpacking.

The same items and settings give the same bytes: order, times and owners are fixed.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from rimlight.errors import DataError
from rimlight.training.data.items import Item, Ref
from rimlight.training.data.layouts.common import natural
from rimlight.training.data.layouts.packed import ALPHA, END, FOLDERS, IMAGE, LAYOUT
from rimlight.training.data.ordered import ordered
from rimlight.training.data.pictures import is_jpeg
from rimlight.training.data.reading import read_alphas, read_bytes, read_images
from rimlight.types import UInt8Array

CHUNK = 16  # frames that one thread packs at a time: bounds the memory
LEAST_PART = 1 << 16

Progress = Callable[[int, int], None]  # frames done, frames in all


@dataclass(frozen=True, slots=True)
class Packing:
    """How pictures are stored.

    quality, alpha_quality: of the JPEG files, 1 to 100. longest: side in pixels that larger pictures are scaled down
    to; None keeps sizes. part_bytes: of one tar at most. Pictures that are JPEG files already and keep their size are
    stored as they are, so packing packed data changes nothing. Raises DataError for values out of range.
    """

    quality: int = 92
    alpha_quality: int = 95
    longest: int | None = None
    part_bytes: int = 60_000_000

    def __post_init__(self) -> None:
        qualities = all(1 <= value <= 100 for value in (self.quality, self.alpha_quality))
        sides = self.longest is None or 16 <= self.longest <= 65_500  # JPEG's own limit
        if not qualities or not sides or self.part_bytes < LEAST_PART:
            raise DataError(
                "expected qualities of 1 to 100, a longest side of 16 to 65500 and parts of at least "
                f"{LEAST_PART} bytes, got {self}"
            )


class Chunk(NamedTuple):
    """Some frames of an item: their stored names without suffix, and where they are now."""

    names: list[str]
    images: tuple[Ref, ...]
    alphas: tuple[Ref, ...]


Stored = list[tuple[str, bytes]]  # name and content of the files of one frame


def pack(
    items: Sequence[Item],
    folder: Path,
    packing: Packing | None = None,
    progress: Progress | None = None,
    threads: int | None = None,
) -> list[Path]:
    """Write part1.tar, part2.tar, ... to the folder, which holds none yet, and return their paths.

    progress is told the frames done and in all. Raises DataError for pictures that cannot be read, a frame that is
    larger than a part, and a folder that cannot be written or has parts in it.
    """
    packing = packing or Packing()
    if not items:
        raise DataError("expected items to pack, got none")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.glob("*.tar")):
            raise DataError(f"{folder}: has tar files in it already; give an empty folder")
        return _write(_frames(items, packing, progress, threads), folder, packing.part_bytes)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error


def names_of(items: Sequence[Item]) -> dict[str, str]:
    """Name in the packed layout (face/NAME, vid/CLIP) of every item's key; distinct, also where keys differ in / only.

    "/" becomes "_"; what packed data calls its items stays.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for item in items:
        layout, _, rest = item.key.partition("/")
        rest = rest.partition("/")[2] if layout == LAYOUT else item.key
        plain = _plain(rest)
        name, count = f"{FOLDERS[item.kind]}/{plain}", 1
        while name in taken:
            count += 1
            name = f"{FOLDERS[item.kind]}/{plain}-{count}"
        taken.add(name)
        names[item.key] = name
    return names


def _plain(name: str) -> str:
    """A file name that the packed layout neither hides nor takes for an alpha."""
    name = name.replace("/", "_").replace("\0", "_")
    name = f"_{name[1:]}" if name.startswith((".", "__MACOSX")) else name
    return f"{name[:-2]}_a" if name.endswith(".a") else name


def _frames(
    items: Sequence[Item], packing: Packing, progress: Progress | None, threads: int | None
) -> Iterator[Stored]:
    total, done = sum(item.frames for item in items), 0
    for stored in ordered(partial(_store, packing=packing), _chunks(items), threads):
        for frame in stored:
            yield frame
            done += 1
            if progress is not None:
                progress(done, total)


def _chunks(items: Sequence[Item]) -> Iterator[Chunk]:
    names = names_of(items)
    for item in sorted(items, key=lambda item: (list(FOLDERS).index(item.kind), natural(names[item.key]))):
        name, digits = names[item.key], max(3, len(str(item.frames - 1)))
        for start in range(0, item.frames, CHUNK):
            some = slice(start, start + CHUNK)
            numbers = range(item.frames)[some]
            of_frames = [f"{name}/{number:0{digits}d}" if item.is_clip else name for number in numbers]
            yield Chunk(of_frames, item.images[some], item.alphas[some])


def _store(chunk: Chunk, packing: Packing) -> list[Stored]:
    stored: list[Stored] = []
    alphas = read_alphas(chunk.alphas)
    for index, (name, ref, image) in enumerate(zip(chunk.names, chunk.images, read_images(chunk.images), strict=True)):
        files = [(name + IMAGE, _encoded(image, ref, packing, packing.quality))]
        if chunk.alphas:
            of_alpha, alpha = chunk.alphas[index], next(alphas)
            if alpha.shape != image.shape[:2]:
                raise DataError(f"{of_alpha}: expected the size of its picture; check the data set first")
            files.append((name + ALPHA, _encoded(alpha, of_alpha, packing, packing.alpha_quality)))
        stored.append(files)
    return stored


def _encoded(picture: UInt8Array, ref: Ref, packing: Packing, quality: int) -> bytes:
    """JPEG bytes of (H, W, 3) or (H, W)."""
    height, width = picture.shape[:2]
    ratio = min(1.0, (packing.longest or max(height, width)) / max(height, width))
    if ratio == 1.0 and ref.frame is None:
        kept = read_bytes(ref)
        if is_jpeg(kept):
            return kept
    if ratio < 1.0:
        size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), np.uint8)
    done, data = cv2.imencode(IMAGE, picture, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    if not done:
        raise DataError(f"{ref}: cannot be stored as JPEG")
    return bytes(np.asarray(data, np.uint8))


def _write(frames: Iterator[Stored], folder: Path, part_bytes: int) -> list[Path]:
    """Parts appear under their names when all of them are whole; nothing stays behind otherwise."""
    unfinished: list[Path] = []
    try:
        for number, frames_of_part in enumerate(_parts(frames, part_bytes), 1):
            unfinished.append(folder / f"part{number}.tar.unfinished")
            with unfinished[-1].open("wb") as file:
                file.writelines(frames_of_part)
                file.write(END)
        return [path.replace(path.with_suffix("")) for path in unfinished]
    finally:
        for path in unfinished:
            path.unlink(missing_ok=True)


def _parts(frames: Iterator[Stored], part_bytes: int) -> Iterator[Iterator[bytes]]:
    """For every part, the stored frames that fit into it; a picture and its alpha are in the same part."""
    room = 0
    waiting = next(frames, None)

    def fitting() -> Iterator[bytes]:
        nonlocal waiting, room
        room = part_bytes - len(END)
        while waiting is not None:
            members = b"".join(_member(name, data) for name, data in waiting)
            if len(members) > part_bytes - len(END):
                raise DataError(f"{waiting[0][0]}: {len(members)} bytes do not fit into a part of {part_bytes}")
            if len(members) > room:
                return
            room -= len(members)
            yield members
            waiting = next(frames, None)

    while waiting is not None:
        yield fitting()


def _member(name: str, data: bytes) -> bytes:
    info = tarfile.TarInfo(name)  # time 0, owner 0, plain file
    info.size = len(data)
    header = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    return header + data + bytes(-len(data) % tarfile.BLOCKSIZE)
