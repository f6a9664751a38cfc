"""What all layouts share: listing pictures, pairing them with their alphas, and saying which half is missing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from rimlight.errors import DataError
from rimlight.training.data import videos
from rimlight.training.data.items import Item, Kind, Ref

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi"})
FETCH_AGAIN = "the data set is not complete: fetch or unpack it again"

Files = dict[str, Path]  # by stem, in natural order


def base(root: Path, marks: Sequence[str], layout: str) -> Path:
    """root, or the only folder in it that has all the marks: archives unpack with and without a folder of their own.

    Raises DataError where neither has them.
    """
    inner = folders(root) if root.is_dir() else {}
    for folder in (root, *inner.values()):
        if all((folder / mark).is_dir() for mark in marks):
            return folder
    found = ", ".join(list(inner)[:5]) or ("nothing" if root.is_dir() else "no such folder")
    wanted = " and ".join(f"{mark}/" for mark in marks)
    raise DataError(f"{root}: expected {wanted} of {layout}, found {found}; give the folder that holds them")


def natural(name: str) -> tuple[list[str | int], str]:
    """Sort key by which frame 10 follows frame 9."""
    parts = re.split(r"(\d+)", name)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def hidden(name: str) -> bool:
    """Whether a file or folder is left by an operating system (._NAME, .DS_Store, __MACOSX), not by the authors."""
    return name.startswith((".", "__MACOSX"))


def folders(folder: Path) -> Files:
    """Sub-folders by name, in natural order, without hidden ones."""
    return {path.name: path for path in _sorted(folder) if path.is_dir()}


def pictures(folder: Path) -> Files:
    """Pictures directly in the folder, by stem; raises DataError where two differ in their suffix only."""
    return _by_stem(folder, PICTURES)


def movies(folder: Path) -> Files:
    """Video files directly in the folder, by stem."""
    return _by_stem(folder, VIDEOS)


def nested(folder: Path) -> dict[str, Files]:
    """Pictures of the folder and of all folders below it, by the folder's path from here, "" for the folder itself."""
    found = {"": pictures(folder)}
    for name, inner in folders(folder).items():
        found |= {f"{name}/{below}".rstrip("/"): files for below, files in nested(inner).items()}
    return {name: files for name, files in found.items() if files}


def paired(images: Mapping[str, Path], alphas: Mapping[str, Path], place: Path) -> Iterator[tuple[str, Path, Path]]:
    """(name, image, alpha) in the order of the images; raises DataError where a name lacks its other half."""
    for what, these, those in (("alpha", images, alphas), ("image", alphas, images)):
        lonely = [path for name, path in these.items() if name not in those]
        if lonely:
            raise DataError(f"{lonely[0]}: has no {what} of the same name{others(len(lonely))}; {FETCH_AGAIN}")
    if not images:
        raise DataError(f"{place}: expected pictures, found none; {FETCH_AGAIN}")
    for name, image in images.items():
        yield name, image, alphas[name]


def others(count: int) -> str:
    """How many more like the first, for a message."""
    return f" (and {count - 1} more)" if count > 1 else ""


def still(key: str, kind: Kind, image: Path, alpha: Path | None = None, *, snap: bool = False) -> Item:
    """One still from two files, or from one that holds both."""
    return Item(key, kind, (Ref(image),), () if alpha is None else (Ref(alpha, snap=snap),))


def clip(key: str, kind: Kind, images: Files, alphas: Files | None, place: Path) -> Item:
    """One clip from numbered pictures; raises DataError where an alpha or picture is missing."""
    if alphas is None:
        return Item(key, kind, tuple(map(Ref, images.values())))
    pairs = list(paired(images, alphas, place))
    return Item(key, kind, tuple(Ref(image) for _, image, _ in pairs), tuple(Ref(alpha) for _, _, alpha in pairs))


def movie(key: str, kind: Kind, image: Path, alpha: Path | None = None) -> Item:
    """One clip from a video, or from a pair of them; raises DataError where their frame counts differ."""
    count = videos.count(image)
    if alpha is None:
        return Item(key, kind, tuple(Ref(image, frame=index) for index in range(count)))
    of_alpha = videos.count(alpha)
    if of_alpha != count:
        raise DataError(f"{alpha}: has {of_alpha} frames, its picture {image.name} has {count}; {FETCH_AGAIN}")
    return Item(key, kind, *(tuple(Ref(path, frame=index) for index in range(count)) for path in (image, alpha)))


def some(items: Iterable[Item], root: Path, layout: str) -> list[Item]:
    """The items as a list; raises DataError where there are none."""
    found = list(items)
    if not found:
        raise DataError(f"{root}: expected pictures of {layout}, found none; {FETCH_AGAIN}")
    return found


def _by_stem(folder: Path, suffixes: frozenset[str]) -> Files:
    found: Files = {}
    for path in _sorted(folder):
        if path.suffix.lower() in suffixes and not path.is_dir():
            if path.stem in found:
                raise DataError(f"{path}: has the same name as {found[path.stem].name}; keep one of them")
            found[path.stem] = path
    return found


def _sorted(folder: Path) -> list[Path]:
    try:
        names = [name for name in os.listdir(folder) if not hidden(name)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror})") from error
    return [folder / name for name in sorted(names, key=natural)]
