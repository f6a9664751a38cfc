"""P3M-10k (Privacy-Preserving Portrait Matting, Li et al. 2021): 10,421 portraits with their own background.

    P3M-10k/train/{blurred_image/NAME.jpg, mask/NAME.png}                            9,421, faces blurred
    P3M-10k/validation/P3M-500-P/{blurred_image/NAME.jpg, mask/NAME.png, trimap}     500, faces blurred
    P3M-10k/validation/P3M-500-NP/{original_image/NAME.jpg, mask/NAME.png, trimap}   500, faces as they are

Source: the README of JizhiziLi/P3M. The masks are alphas. Faces in train/ are blurred: good for edges and hair, less so
for teaching what a face is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rimlight.training.data.items import Item
from rimlight.training.data.layouts import common

LAYOUT = "p3m10k"
SETS = (
    ("train", "train", "blurred_image"),
    ("validation/P3M-500-P", "P3M-500-P", "blurred_image"),
    ("validation/P3M-500-NP", "P3M-500-NP", "original_image"),
)


def find(root: Path) -> list[Item]:
    """One scene-still per portrait, as p3m10k/train/NAME; raises DataError where an image or mask is missing."""
    root = root if (root / "validation").is_dir() else common.base(root, ("train",), LAYOUT)
    return common.some(_pairs(root), root, LAYOUT)


def _pairs(root: Path) -> Iterator[Item]:
    for folder, part, name in SETS:
        images, alphas = root / folder / name, root / folder / "mask"
        if images.is_dir() or alphas.is_dir():
            pairs = common.paired(common.pictures(images), common.pictures(alphas), images)
            for stem, image, alpha in pairs:
                yield common.still(f"{LAYOUT}/{part}/{stem}", "scene-still", image, alpha)
