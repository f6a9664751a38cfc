"""The sheet shows the batch: every clip, three moments, picture, alpha and cut-out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rimlight.errors import DataError
from rimlight.training.synthesis.clips import Batch, make
from rimlight.training.synthesis.plan import Plan
from rimlight.training.synthesis.pool import Pool
from rimlight.training.synthesis.preview import GAP, SCREEN, TELLS_REAL, draw, sheet

PLAN = Plan((16, 24), 3, 5)


def a_batch(frames: int = 5) -> Batch:
    made = torch.Generator().manual_seed(1)
    images = torch.rand(3, frames, 3, 16, 24, generator=made)
    alpha = torch.zeros(3, frames, 1, 16, 24)
    alpha[:, :, :, :, :12] = 1
    return Batch(images, alpha, torch.ones_like(images) * 0.6, torch.tensor([False, True, False]))


def test_every_clip_has_its_block_with_first_middle_and_last_frame() -> None:
    batch = a_batch()
    picture = sheet(batch)
    block = (3 * 16 + 2 * GAP, 3 * (24 + GAP) + 2 * GAP)
    assert picture.shape == (2 * block[0], 2 * block[1], 3)
    first = picture[:16, 2 * GAP :][:, :24]
    assert (first == np.rint(batch.images[0, 0].permute(1, 2, 0).numpy() * 255)).all()
    last = picture[:16, 2 * GAP + 2 * (24 + GAP) :][:, :24]
    assert (last == np.rint(batch.images[0, 4].permute(1, 2, 0).numpy() * 255)).all()


def test_alpha_and_cut_out_are_below() -> None:
    picture = sheet(a_batch())[:, 2 * GAP :]
    assert (picture[16:32, :12] == 255).all()
    assert (picture[16:32, 12:24] == 0).all()
    assert (picture[32:48, :12] == round(0.6 * 255)).all()
    assert (picture[32:48, 12:24] == np.rint(np.array(SCREEN) * 255)).all()


def test_natural_scenes_have_a_bar() -> None:
    picture = sheet(a_batch())
    half = picture.shape[1] // 2
    assert (picture[:48, half : half + GAP] == TELLS_REAL).all()
    assert not (picture[:48, :GAP] == TELLS_REAL).all()


def test_stills_have_one_column() -> None:
    assert sheet(a_batch(1)).shape[1] < sheet(a_batch(2)).shape[1] < sheet(a_batch(3)).shape[1]
    assert sheet(a_batch(3)).shape == sheet(a_batch(9)).shape


def test_the_file_holds_the_sheet(pool: Pool, tmp_path: Path) -> None:
    path = draw(pool, PLAN, tmp_path / "sheet.png", step=3, seed=4)
    stored = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    assert (stored == sheet(make(pool, PLAN, 3, 4))).all()


def test_a_folder_that_is_not_there_is_named(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere/sheet\.png: cannot be written"):
        draw(pool, PLAN, tmp_path / "nowhere" / "sheet.png")
