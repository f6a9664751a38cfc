"""The data of Deep Video Matting (Sun et al. 2021, section 3.1): foregrounds, still and moving, and videos behind.

    fg/image/{train,test}/{fg,alpha}/NAME.png     Adobe's matting pictures; test/trimap is not read
    fg/video/{train,test}/0000/{f,a}.mp4          foreground colour and alpha
    bg/{train,test}/0000.mp4

Source: the listing in the README of nowsyn/DVM. The authors compose the foregrounds onto the backdrops once and store
the result; here it is done anew in every step. The foregrounds are not all people: give those wanted to registry.find
as names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rimlight.errors import DataError
from rimlight.training.data.items import Item
from rimlight.training.data.layouts import common

LAYOUT = "dvm"
PARTS = ("train", "test")


def find(root: Path) -> list[Item]:
    """Stills dvm/train/image/NAME, clips dvm/train/video/0000 and backdrops dvm/train/background/0000, and of test.

    Raises DataError where a half of a picture or video is missing.
    """
    root = common.base(root, ("fg", "bg"), LAYOUT)
    items = (item for part in PARTS for kind in (_stills, _clips, _backdrops) for item in kind(root, part))
    return common.some(items, root, LAYOUT)


def _stills(root: Path, part: str) -> Iterator[Item]:
    folder = root / "fg" / "image" / part
    images, alphas = common.pictures(folder / "fg"), common.pictures(folder / "alpha")
    if images or alphas:
        for name, image, alpha in common.paired(images, alphas, folder):
            yield common.still(f"{LAYOUT}/{part}/image/{name}", "person-still", image, alpha)


def _clips(root: Path, part: str) -> Iterator[Item]:
    for name, folder in common.folders(root / "fg" / "video" / part).items():
        halves = common.movies(folder)
        for stem, what in (("f", "foreground"), ("a", "alpha")):
            if stem not in halves:
                raise DataError(f"{folder}: has no {what} {stem}.mp4; {common.FETCH_AGAIN}")
        yield common.movie(f"{LAYOUT}/{part}/video/{name}", "person-clip", halves["f"], halves["a"])


def _backdrops(root: Path, part: str) -> Iterator[Item]:
    for name, path in common.movies(root / "bg" / part).items():
        yield common.movie(f"{LAYOUT}/{part}/background/{name}", "backdrop-clip", path)
