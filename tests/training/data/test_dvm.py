"""The published layout of Deep Video Matting: what is found, and which half is said to miss."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import DataError
from rimlight.training.data.reading import read_alphas
from rimlight.training.data.registry import find
from rimlight.training.data.splits import split

from . import made

FRAMES = made.DVM_FRAMES


def test_all_that_is_published_is_found(tmp_path: Path) -> None:
    items = find("dvm", made.dvm(tmp_path))
    assert {item.key: (item.kind, item.frames) for item in items} == {
        "dvm/train/image/boy": ("person-still", 1),
        "dvm/train/image/woman": ("person-still", 1),
        "dvm/train/video/0000": ("person-clip", FRAMES),
        "dvm/train/background/0000": ("backdrop-clip", FRAMES),
        "dvm/test/image/bride": ("person-still", 1),
        "dvm/test/video/0000": ("person-clip", FRAMES),
        "dvm/test/background/0000": ("backdrop-clip", FRAMES),
    }


def test_pictures_and_alphas_belong_together(tmp_path: Path) -> None:
    items = {item.key: item for item in find("dvm", made.dvm(tmp_path))}
    alphas = list(read_alphas(items["dvm/train/video/0000"].alphas))
    for seed in range(FRAMES):
        assert np.abs(alphas[seed].astype(int) - made.alpha(seed)).max() <= 3


def test_what_the_authors_test_on_is_not_trained_on(tmp_path: Path) -> None:
    parts = split(find("dvm", made.dvm(tmp_path)), "dvm")
    kept = {item.key for item in (*parts["train"], *parts["val"])}
    assert not [key for key in kept if "/test/" in key]
    assert {item.key for item in parts["test"]} >= {"dvm/test/image/bride", "dvm/test/video/0000"}


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("fg/video/train/0000/a.mp4", r"0000: has no alpha a\.mp4"),
        ("fg/video/test/0000/f.mp4", r"0000: has no foreground f\.mp4"),
        ("fg/image/train/alpha/boy.png", r"boy\.png: has no alpha of the same name"),
    ],
)
def test_a_half_that_is_missing_is_named(tmp_path: Path, lost: str, said: str) -> None:
    (made.dvm(tmp_path) / lost).unlink()
    with pytest.raises(DataError, match=said):
        find("dvm", tmp_path)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape("expected fg/ and bg/ of dvm")):
        find("dvm", tmp_path)
