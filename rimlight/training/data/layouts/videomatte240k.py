"""VideoMatte240K (Background Matting V2, Lin et al. 2021): 484 clips of people, keyed from green screens.

    VideoMatte240K_JPEG_SD/{train,test}/{fgr,pha}/0000/00000.jpg     also JPEG_HD
    VideoMatte240K/{train,test}/{fgr,pha}/0000.mp4                   the HD videos

Source: the data set's page (grail.cs.washington.edu/projects/background-matting-v2) and the training notes of Robust
Video Matting, which move some clips from train/ to valid/; valid/ and val/ are understood too. fgr is clean foreground
colour, pha its alpha. 479 clips are published for training, 5 for testing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rimlight.training.data.items import Item
from rimlight.training.data.layouts import common

LAYOUT = "videomatte240k"
SETS = {"train": "train", "valid": "val", "val": "val", "test": "test"}


def find(root: Path) -> list[Item]:
    """One person-clip per clip, as videomatte240k/train/0000; raises DataError where clips, frames or halves miss."""
    root = common.base(root, ("train",), LAYOUT) if not (root / "test").is_dir() else root
    clips = (item for name, part in SETS.items() for item in _clips(root / name, part))
    return common.some(clips, root, LAYOUT)


def _clips(root: Path, part: str) -> Iterator[Item]:
    images, alphas = root / "fgr", root / "pha"
    for listing in (common.folders, common.movies):
        found, of_alpha = listing(images), listing(alphas)
        if not found and not of_alpha:
            continue
        for name, image, alpha in common.paired(found, of_alpha, images):
            key = f"{LAYOUT}/{part}/{name}"
            if listing is common.movies:
                yield common.movie(key, "person-clip", image, alpha)
            else:
                yield common.clip(key, "person-clip", common.pictures(image), common.pictures(alpha), image)
