"""Adobe's Composition-1k (Deep Image Matting, Xu et al. 2017): foregrounds with alphas, people among other things.

    Combined_Dataset/Training_set/Adobe-licensed images/{fg,alpha}/NAME.jpg
    Combined_Dataset/Training_set/Other/{fg,alpha}/NAME.jpg                      431 pairs in both together
    Combined_Dataset/Test_set/Adobe-licensed images/{fg,alpha,trimaps}/NAME.png  50 pairs; trimaps are not read

Source: the README inside the archive, and the data preparation of MMEditing and ViTMatte, which name these folders.
Only pictures of people are wanted here, and no list of them comes with the data: give one to registry.find as names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rimlight.training.data.items import Item
from rimlight.training.data.layouts import common

LAYOUT = "composition1k"
SETS = (("Training_set", "train"), ("Test_set", "test"))


def find(root: Path) -> list[Item]:
    """One person-still per foreground, as composition1k/train/NAME or /test/NAME; raises DataError for halves."""
    root = common.base(root, ("Training_set",), LAYOUT)
    return common.some(_pairs(root), root, LAYOUT)


def _pairs(root: Path) -> Iterator[Item]:
    for name, part in SETS:
        for source in common.folders(root / name).values():
            images, alphas = source / "fg", source / "alpha"
            if images.is_dir() or alphas.is_dir():
                pairs = common.paired(common.pictures(images), common.pictures(alphas), images)
                for stem, image, alpha in pairs:
                    yield common.still(f"{LAYOUT}/{part}/{stem}", "person-still", image, alpha)
