"""Trimaps read, refused, made of mattes, scaled."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.studio.errors import TrimapError
from rimlight.studio.trimaps import (
    BACKDROP,
    FOREGROUND,
    LEVELS,
    UNKNOWN,
    decode_trimap,
    encode_trimap,
    one_hot,
    read_trimap,
    shrink_trimap,
    trimap_of_classes,
    trimap_of_matte,
)
from rimlight.types import Size

from .films import true_trimap

SIZE = Size(96, 160)


def test_a_trimap_comes_back_as_it_was_written() -> None:
    trimap = true_trimap(3, 96, 160)
    assert np.array_equal(decode_trimap(encode_trimap(trimap), SIZE, "it"), trimap)


def test_a_trimap_in_colour_channels_that_are_alike_is_taken(tmp_path: Path) -> None:
    trimap = true_trimap(3, 96, 160)
    cv2.imwrite(str(tmp_path / "t.png"), np.dstack([trimap] * 3))
    assert np.array_equal(read_trimap(tmp_path / "t.png", SIZE), trimap)


def test_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "t.png"), true_trimap(0, 48, 80))
    with pytest.raises(TrimapError, match=r"t\.png is 80x48, but the video is 160x96"):
        read_trimap(tmp_path / "t.png", SIZE)


def test_other_grey_levels_are_refused_and_named(tmp_path: Path) -> None:
    trimap = true_trimap(0, 96, 160)
    trimap[:2, :3], trimap[5, 5] = 37, 129
    cv2.imwrite(str(tmp_path / "t.png"), trimap)
    with pytest.raises(TrimapError, match=r"grey levels 37, 129 .*expected only 0 \(backdrop\), 128"):
        read_trimap(tmp_path / "t.png", SIZE)


@pytest.mark.parametrize("what", ["missing", "text", "colour", "sixteen bits"])
def test_what_is_no_trimap_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "t.png"
    if what == "text":
        path.write_text("no picture")
    elif what == "colour":
        cv2.imwrite(str(path), np.dstack([true_trimap(0, 96, 160), *[np.zeros((96, 160), np.uint8)] * 2]))
    elif what == "sixteen bits":
        cv2.imwrite(str(path), np.zeros((96, 160), np.uint16))
    with pytest.raises(TrimapError, match=r"t\.png"):
        read_trimap(path, SIZE)


def test_a_matte_gives_a_band_that_holds_all_that_is_uncertain() -> None:
    alpha = cv2.GaussianBlur((true_trimap(0, 96, 160, band=0) == FOREGROUND).astype(np.float32), (0, 0), 2)
    trimap = trimap_of_matte(alpha)
    assert (trimap[(alpha > 0.02) & (alpha < 0.98)] == UNKNOWN).all()
    assert (trimap == FOREGROUND).any()
    assert (trimap == BACKDROP).any()
    assert alpha[trimap == BACKDROP].max() <= 0.02
    assert alpha[trimap == FOREGROUND].min() >= 0.98
    assert (trimap_of_matte(alpha, 0.03) == UNKNOWN).sum() > (trimap == UNKNOWN).sum()


def test_specks_away_from_the_person_are_no_part_of_the_trimap() -> None:
    alpha = (true_trimap(0, 96, 160, band=0) == FOREGROUND).astype(np.float32)
    clean = trimap_of_matte(alpha)
    alpha[2, 157] = 0.4
    assert np.array_equal(trimap_of_matte(alpha), clean)
    alpha[60:90, 110:150] = 0.4
    assert (trimap_of_matte(alpha)[60:90, 110:150] == UNKNOWN).all()


def test_a_matte_of_nobody_is_all_backdrop() -> None:
    assert (trimap_of_matte(np.zeros((32, 48), np.float32)) == BACKDROP).all()


def test_a_band_of_one_pixel_survives_scaling_down() -> None:
    trimap = np.zeros((96, 160), np.uint8)
    trimap[:, 80:], trimap[:, 79] = FOREGROUND, UNKNOWN
    small = shrink_trimap(trimap, Size(48, 80))
    assert set(np.unique(small)) == set(LEVELS)
    assert (small[:, 39] == UNKNOWN).all()


def test_classes_at_full_size_give_the_trimap_back_and_ties_are_unknown() -> None:
    trimap = true_trimap(0, 96, 160)
    assert np.array_equal(trimap_of_classes(one_hot(trimap), SIZE), trimap)
    assert (trimap_of_classes(np.full((3, 8, 8), 1 / 3, np.float32), Size(16, 16)) == UNKNOWN).all()
