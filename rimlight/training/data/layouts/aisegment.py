"""AISegment matting human datasets: 34,427 portraits of 600x800 with their own background.

    clip_img/1803151818/clip_00000000/1803151818-00000003.jpg
    matting/1803151818/matting_00000000/1803151818-00000003.png      RGBA, alpha in the fourth channel

Source: the README of aisegmentcn/matting_human_datasets and its copy on Kaggle (laurentmih). Two stray entries of the
published archive are known from the notes of others who train on it: the file ._1803241125-00000005.jpg, which is no
picture, and the folder ._matting_00000000; both are hidden and left out, and so are the two portraits that came without
their other half.

Items are scene-still: the colours of the RGBA files are those of the photo, mixed with its background at the hair, so
the portraits are no clean foreground. The paper composites them; who does so estimates the foreground first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rimlight.training.data.items import Item
from rimlight.training.data.layouts import common

LAYOUT = "aisegment"
HALF = frozenset({"1803241125-00000005", "1803201916-00000117"})  # published without their image or alpha


def find(root: Path) -> list[Item]:
    """One scene-still per portrait; raises DataError where an image lacks its alpha or the other way round."""
    root = common.base(root, ("clip_img", "matting"), LAYOUT)
    images = dict(_listed(root / "clip_img", "clip_"))
    alphas = dict(_listed(root / "matting", "matting_"))
    for name in images.keys() ^ alphas.keys():
        if name.rsplit("/", 1)[-1] in HALF:
            images.pop(name, None)
            alphas.pop(name, None)
    pairs = common.paired(images, alphas, root)
    return [common.still(f"{LAYOUT}/{name}", "scene-still", image, alpha) for name, image, alpha in pairs]


def _listed(root: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    for group, folder in common.folders(root).items():
        for name, inner in common.folders(folder).items():
            for stem, path in common.pictures(inner).items():
                yield f"{group}/{name.removeprefix(prefix)}/{stem}", path
