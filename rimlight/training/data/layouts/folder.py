"""Any folder of pictures with alphas, by the names of its sub-folders. Several of these may stand side by side:

    fgr/ (fg, foreground) + alpha/       clean foreground colour and alpha: person-still
    images/ (image, src) + alpha/        pictures with their own background: scene-still; alpha/ may be called alphas,
                                         pha, matte or mattes
    images/ + masks/ (mask)              photos with the mask of their people, for segmentation: mask-photo
    backdrops/ (backgrounds, bgr)        pictures without people: backdrop-still
    NAME.png with an alpha channel       clean foreground colour: person-still
    NAME.jpg + NAME.a.jpg                a picture with its own background and its alpha: scene-still

Alphas have the names of their pictures, whatever the suffix. Sub-folders become clips: images/CLIP/0001.jpg with
alpha/CLIP/0001.png, backdrops/CLIP/0001.jpg, and CLIP/0001.png or CLIP/0001.jpg + CLIP/0001.a.jpg in the folder itself.
So do videos: fgr/CLIP.mp4 with alpha/CLIP.mp4, backdrops/CLIP.mp4.

Source: made for this project; fgr, pha, src and bgr are the names that Background Matting and its successors use.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rimlight.errors import DataError
from rimlight.training.data.items import Item, Kind, Ref
from rimlight.training.data.layouts import common
from rimlight.training.data.pictures import has_alpha

LAYOUT = "folder"
FOREGROUNDS = ("fgr", "fg", "foreground")
IMAGES = ("images", "image", "src")
ALPHAS = ("alpha", "alphas", "pha", "matte", "mattes")
MASKS = ("masks", "mask")
BACKDROPS = ("backdrops", "backgrounds", "bgr")
NAMED = frozenset({*FOREGROUNDS, *IMAGES, *ALPHAS, *MASKS, *BACKDROPS})
BESIDE = ".a"  # NAME.a.jpg is the alpha of NAME.jpg


def find(root: Path) -> list[Item]:
    """Items as folder/images/NAME, folder/backdrops/CLIP, folder/NAME; raises DataError where a half is missing."""
    if not root.is_dir():
        raise DataError(f"{root}: expected a folder of pictures, found none; give one that exists")
    return common.some([*_paired(root), *_backdrops(root), *_beside(root)], root, LAYOUT)


def _paired(root: Path) -> Iterator[Item]:
    alphas, masks = _first(root, ALPHAS), _first(root, MASKS)
    for names, subject in ((FOREGROUNDS, "person"), (IMAGES, "scene")):
        images = _first(root, names)
        if images is None:
            continue
        if alphas is not None:
            yield from _stills(images, alphas, "person-still" if subject == "person" else "scene-still")
            yield from _clips(images, alphas, "person-clip" if subject == "person" else "scene-clip")
        elif masks is not None and subject == "scene":
            yield from _stills(images, masks, "mask-photo")
        else:
            raise DataError(f"{images}: found no folder of alphas beside it; call it {ALPHAS[0]}/")


def _stills(images: Path, alphas: Path, kind: Kind) -> Iterator[Item]:
    found, of_alpha = common.pictures(images), common.pictures(alphas)
    if found or of_alpha:
        for stem, image, alpha in common.paired(found, of_alpha, images):
            yield common.still(f"{LAYOUT}/{images.name}/{stem}", kind, image, alpha)


def _clips(images: Path, alphas: Path, kind: Kind) -> Iterator[Item]:
    for listing in (common.folders, common.movies):
        found, of_alpha = listing(images), listing(alphas)
        for name, image, alpha in common.paired(found, of_alpha, images) if found or of_alpha else ():
            key = f"{LAYOUT}/{images.name}/{name}"
            if listing is common.movies:
                yield common.movie(key, kind, image, alpha)
            else:
                yield common.clip(key, kind, common.pictures(image), common.pictures(alpha), image)


def _backdrops(root: Path) -> Iterator[Item]:
    folder = _first(root, BACKDROPS)
    if folder is None:
        return
    key = f"{LAYOUT}/{folder.name}"
    for stem, path in common.pictures(folder).items():
        yield common.still(f"{key}/{stem}", "backdrop-still", path)
    for name, path in common.folders(folder).items():
        if frames := common.pictures(path):
            yield common.clip(f"{key}/{name}", "backdrop-clip", frames, None, path)
    for stem, path in common.movies(folder).items():
        yield common.movie(f"{key}/{stem}", "backdrop-clip", path)


def _beside(root: Path) -> Iterator[Item]:
    for stem, image, alpha in _halves(root):
        kind: Kind = "person-still" if image == alpha else "scene-still"
        yield common.still(f"{LAYOUT}/{stem}", kind, image, alpha, snap=_lossy(alpha))
    for name, folder in common.folders(root).items():
        frames = [] if name in NAMED else _halves(folder)
        if frames:
            of_clip: Kind = "person-clip" if frames[0][1] == frames[0][2] else "scene-clip"
            images = tuple(Ref(image) for _, image, _ in frames)
            alphas = tuple(Ref(alpha, snap=_lossy(alpha)) for _, image, alpha in frames)
            yield Item(f"{LAYOUT}/{name}", of_clip, images, alphas)


def _halves(folder: Path) -> list[tuple[str, Path, Path]]:
    """(name, image, alpha) of the pictures in the folder; image and alpha are one file where that has both."""
    found = common.pictures(folder)
    alphas = {stem.removesuffix(BESIDE): path for stem, path in found.items() if stem.endswith(BESIDE)}
    images = {stem: path for stem, path in found.items() if not stem.endswith(BESIDE)}
    both = {stem: path for stem, path in images.items() if stem not in alphas and _has_alpha(path)}
    if not found:
        return []
    return list(common.paired(images, alphas | both, folder))


def _lossy(alpha: Path) -> bool:
    """Whether an alpha beside its picture is as the packed layout has it: exact 0 and 1 meant, but stored as JPEG."""
    return alpha.suffix.lower() in (".jpg", ".jpeg")


def _has_alpha(path: Path) -> bool:
    if path.suffix.lower() != ".png":
        return False
    try:
        with path.open("rb") as file:
            return has_alpha(file.read(32))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def _first(root: Path, names: tuple[str, ...]) -> Path | None:
    there = [root / name for name in names if (root / name).is_dir()]
    if len(there) > 1:
        raise DataError(f"{root}: {there[0].name}/ and {there[1].name}/ mean the same; keep one of them")
    return there[0] if there else None
