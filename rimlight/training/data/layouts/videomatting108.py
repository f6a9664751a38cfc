"""VideoMatting108 (Attention-guided Temporally Coherent Video Object Matting, Zhang et al. 2021): 108 clips of 1080p.

    FG_done/CLIP/FRAME.png            RGBA: clean foreground colour and alpha; CLIP may be several folders deep
    BG_done/CLIP/FRAME.jpg (or .png)  109 backgrounds; later copies call the folder BG_done2
    frame_corr.json                   {"CLIP/FRAME.png": "CLIP/FRAME.jpg"}: which background the authors put behind
    train_videos.txt, val_videos.txt  names of clips, 80 and 28; *_subset.txt and flow_png* are not read

Source: the README of yunkezhang/TCVOM and the listing in the README of Hongje/OTVM. The foregrounds are not all people
(animals, dolls, plants): give the clips wanted to registry.find as names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rimlight.errors import DataError
from rimlight.training.data.items import Item
from rimlight.training.data.layouts import common

LAYOUT = "videomatting108"
BACKGROUNDS = ("BG_done2", "BG_done")
LISTS = (("train_videos.txt", "train"), ("val_videos.txt", "val"))


def find(root: Path) -> list[Item]:
    """A person-clip per foreground (videomatting108/train/CLIP or /val/CLIP) and a backdrop-clip per background.

    Raises DataError where a frame or clip that the lists name is missing, or a list cannot be read.
    """
    root = common.base(root, ("FG_done",), LAYOUT)
    clips = common.nested(root / "FG_done")
    parts = _parts(root)
    _check_complete(root, clips, parts)
    people = [
        common.clip(f"{LAYOUT}/{parts.get(name, 'train')}/{name}", "person-clip", frames, frames, root)
        for name, frames in clips.items()
    ]
    return common.some([*people, *_backgrounds(root)], root, LAYOUT)


def _backgrounds(root: Path) -> Iterator[Item]:
    for folder in BACKGROUNDS:
        if (root / folder).is_dir():
            for name, frames in common.nested(root / folder).items():
                yield common.clip(f"{LAYOUT}/background/{name}", "backdrop-clip", frames, None, root)
            return


def _parts(root: Path) -> dict[str, str]:
    """Which list each clip is in."""
    parts: dict[str, str] = {}
    for file, part in LISTS:
        path = root / file
        if path.exists():
            parts |= {line.strip(): part for line in _text(path).splitlines() if line.strip()}
    return parts


def _check_complete(root: Path, clips: dict[str, common.Files], parts: dict[str, str]) -> None:
    missing = [root / "FG_done" / name for name in parts if name not in clips]
    correspondence = root / "frame_corr.json"
    if not missing and correspondence.exists():
        frames = (Path(name) for name in _table(correspondence))
        missing = [
            root / "FG_done" / frame for frame in frames if frame.stem not in clips.get(frame.parent.as_posix(), {})
        ]
    if missing:
        raise DataError(f"{missing[0]}: is listed but not there{common.others(len(missing))}; {common.FETCH_AGAIN}")


def _table(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(_text(path))
    except ValueError as error:
        raise DataError(f"{path}: is no JSON ({error}); {common.FETCH_AGAIN}") from error
    if not isinstance(table, dict):
        raise DataError(f"{path}: expected a table of frames, got {type(table).__name__}; {common.FETCH_AGAIN}")
    return table


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); {common.FETCH_AGAIN}") from error
