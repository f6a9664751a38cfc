"""The packed layout of this project: a few tar files that travel in pieces and are read without being unpacked.

    part1.tar, part2.tar, ...           or one tar, or the folder that they unpack to; a clip may lie in several parts
    face/NAME.jpg   + NAME.a.jpg        person-still: clean foreground colour and alpha
    photo/NAME.jpg  + NAME.a.jpg        scene-still: its own background
    vid/CLIP/000.jpg  + 000.a.jpg       person-clip
    real/CLIP/000.jpg + 000.a.jpg       scene-clip
    bg/NAME.jpg, bgv/CLIP/000.jpg       backdrop-still, backdrop-clip
    mask/NAME.jpg   + NAME.a.jpg        mask-photo

Alphas are stored as JPEG from labels in which 0 and 1 are exact, so the last 2 % at either end are noise (Ref.snap).
Written by rimlight.training.data.pack. The headers of a tar are scanned once; references keep the offsets.
"""

from __future__ import annotations

import tarfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from rimlight.errors import DataError
from rimlight.training.data.items import Item, Kind, Ref
from rimlight.training.data.layouts import common

LAYOUT = "packed"
FOLDERS: dict[Kind, str] = {
    "person-still": "face",
    "scene-still": "photo",
    "scene-clip": "real",
    "person-clip": "vid",
    "backdrop-still": "bg",
    "backdrop-clip": "bgv",
    "mask-photo": "mask",
}
KIND_OF = {folder: kind for kind, folder in FOLDERS.items()}
IMAGE, ALPHA = ".jpg", ".a.jpg"
END = bytes(1024)  # a tar ends with two empty blocks (POSIX.1-2017 pax)
PADDING = 2 * tarfile.RECORDSIZE  # what programs fill the end up with

Halves = dict[str, Ref]  # by the frame's name


def find(root: Path) -> list[Item]:
    """Items as packed/face/NAME, packed/vid/CLIP; raises DataError where a part or half is missing or cut off."""
    images: dict[str, Halves] = defaultdict(dict)
    alphas: dict[str, Halves] = defaultdict(dict)
    for name, ref in _stored(root):
        key, frame = _place(name, ref)
        halves, stem = (alphas, frame.removesuffix(ALPHA)) if frame.endswith(ALPHA) else (images, Path(frame).stem)
        if stem in halves[key]:
            raise DataError(f"{ref}: is there twice, also as {halves[key][stem]}; remove one")
        halves[key][stem] = ref
    keys = sorted(images.keys() | alphas.keys(), key=common.natural)
    return common.some((_item(key, images[key], alphas[key]) for key in keys), root, LAYOUT)


def parts(root: Path) -> list[Path]:
    """The tar files at root, in natural order: the file itself or those of a folder."""
    if root.is_file():
        return [root]
    return sorted(root.glob("*.tar"), key=lambda path: common.natural(path.name))


def _item(key: str, images: Halves, alphas: Halves) -> Item:
    kind = KIND_OF[key.split("/", 1)[0]]
    backdrop = kind.startswith("backdrop")
    lonely = (alphas if backdrop else alphas.keys() ^ images.keys()) or None
    if lonely:
        stem = min(lonely, key=common.natural)
        half = "no alpha" if stem in images and not backdrop else "an alpha" if backdrop else "no picture"
        ref = images.get(stem) or alphas[stem]
        raise DataError(f"{ref}: has {half}{common.others(len(lonely))}; {common.FETCH_AGAIN}, with all its parts")
    frames = sorted(images, key=common.natural)
    of_alpha = tuple(replace(alphas[stem], snap=True) for stem in frames) if alphas else ()
    return Item(f"{LAYOUT}/{key}", kind, tuple(images[stem] for stem in frames), of_alpha)


def _place(name: str, ref: Ref) -> tuple[str, str]:
    """Key of the item and name of the frame in it, of a stored name."""
    path = PurePosixPath(name)
    kind = KIND_OF.get(path.parts[0]) if path.parts else None
    deep = 3 if kind is not None and kind.endswith("clip") else 2
    if kind is None or len(path.parts) != deep or not path.name.endswith(IMAGE):
        raise DataError(
            f"{ref}: expected {', '.join(FOLDERS.values())} with JPEG files inside, got {name}; is it another data set?"
        )
    key = str(path.parent) if deep == 3 else str(path).removesuffix(ALPHA).removesuffix(IMAGE)
    return key, path.name


def _stored(root: Path) -> Iterator[tuple[str, Ref]]:
    tars = parts(root)
    if tars:
        for path in tars:
            yield from _members(path)
        return
    if not root.is_dir():
        raise DataError(f"{root}: expected a tar file or a folder of them, found none; give one that exists")
    for folder in common.folders(root):
        if folder in KIND_OF:
            for below, files in common.nested(root / folder).items():
                for path in files.values():
                    yield str(PurePosixPath(folder, below, path.name)), Ref(path)


def _members(path: Path) -> Iterator[tuple[str, Ref]]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - len(END)))
            if file.read() != END:
                raise DataError(f"{path}: the tar has no end: it is cut off; fetch it again")
        with tarfile.open(path, "r:") as tar:
            last = None
            for member in tar:
                last = member
                if member.isdir() or common.hidden(PurePosixPath(member.name).name):
                    continue
                if not member.isreg():
                    raise DataError(f"{path}:{member.name}: expected a plain file, got a link or device; pack it anew")
                yield member.name, Ref(path, member.name, offset=member.offset_data, length=member.size)
            _check_end(path, tar.offset, last)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{path}: is no tar that can be read ({error}); fetch it again") from error


def _check_end(path: Path, end: int, last: tarfile.TarInfo | None) -> None:
    """A download that reserves its space leaves empty blocks, which to tarfile are the end."""
    empty = path.stat().st_size - end
    if empty > PADDING:
        behind = last.name if last else "its start"
        raise DataError(f"{path}: nothing is left in {empty} bytes behind {behind}; fetch it again")
