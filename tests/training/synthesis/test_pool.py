"""What the pool keeps, in how much memory, and what it says about items that do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rimlight.errors import DataError
from rimlight.training.data.items import Item
from rimlight.training.synthesis.pool import SHORTEST, Pool, decode, frames_that_fit, room

from .made import HEIGHT, WIDTH, coloured, figure, item, mixed
from .made import room as a_room


def named(items: Sequence[Item], name: str) -> Item:
    return next(one for one in items if one.key == f"made/{name}")


def test_everything_is_kept_in_order_as_bytes(pool: Pool, items: Sequence[Item]) -> None:
    assert [entry.key for entry in pool.entries] == [one.key for one in items]
    assert [entry.frames for entry in pool.entries] == [one.frames for one in items]
    assert {entry.images.dtype for entry in pool.entries} == {torch.uint8}
    assert [entry.key for entry in pool.of("backdrop-clip", "person-clip")] == ["made/street", "made/talker"]
    assert pool.of("mask-photo")[0].colours is None


def test_the_pictures_are_those_of_the_files(pool: Pool, items: Sequence[Item]) -> None:
    talker = pool.entries[[one.key for one in items].index("made/talker")]
    assert talker.size == (HEIGHT, WIDTH)
    assert talker.alphas is not None
    for frame in range(talker.frames):
        alpha = figure("bust", aside=1.5 * frame)
        assert (talker.alphas[frame, 0].numpy() == alpha).all()
        assert (talker.images[frame].permute(1, 2, 0).numpy() == coloured(alpha)).all()


def test_clean_people_keep_their_colours_and_scenes_get_estimated_ones(items: Sequence[Item]) -> None:
    person = decode(named(items, "person-bust"))
    assert person.colours is person.images
    scene = decode(named(items, "scene-bust"))
    alpha = figure("bust")
    truth = coloured(alpha).astype(float)
    edge = (alpha > 60) & (alpha < 250)
    assert scene.colours is not None
    off = [np.abs(kept[0].permute(1, 2, 0).numpy() - truth)[edge].mean() for kept in (scene.colours, scene.images)]
    assert off[0] < 0.5 * off[1]


def test_specks_of_labels_are_left_out_and_masks_stay_as_they_are(tmp_path: Path) -> None:
    alpha = figure("bust", 144, 120)
    spotted = alpha.copy()
    spotted[3:6, 3:6] = 255
    for kind, wanted in (("person-still", alpha), ("scene-still", alpha), ("mask-photo", spotted)):
        entry = decode(item(tmp_path, kind, kind, [coloured(alpha)], [spotted]))
        assert entry.alphas is not None
        assert (entry.alphas[0, 0].numpy() == wanted).all()


def test_memory_is_counted_once_and_said(pool: Pool) -> None:
    person = pool.of("person-still")[0]
    assert person.bytes == 4 * HEIGHT * WIDTH
    assert pool.of("scene-still")[0].bytes == 7 * HEIGHT * WIDTH
    assert pool.bytes == sum(entry.bytes for entry in pool.entries)
    assert str(pool) == f"{len(pool.entries)} items, 26 pictures, {pool.bytes / 1e9:.2f} GB on cpu"


def test_large_pictures_are_reduced_to_the_longest_side(items: Sequence[Item]) -> None:
    small = decode(named(items, "person-bust"), longest=36)
    assert small.size == (36, 30)
    assert small.alphas is not None
    assert small.alphas.shape == (1, 1, 36, 30)
    assert set(small.alphas.unique().tolist()) >= {0, 255}
    assert decode(named(items, "room-0"), longest=30).size == (20, 30)
    assert decode(named(items, "room-0"), longest=1).size == (1, 1)


def test_0_and_1_of_labels_stay_exact(items: Sequence[Item]) -> None:
    for longest in (768, 50):
        entry = decode(named(items, "person-bust"), longest)
        assert entry.alphas is not None
        assert entry.alphas[0, 0, -1, entry.size[1] // 2] == 255
        assert entry.alphas[0, 0, 0, 0] == 0


def test_memory_is_bounded_by_shortening_clips(tmp_path: Path) -> None:
    frames = [a_room(number, 64, 64) for number in range(40)]
    long = item(tmp_path, "long", "backdrop-clip", frames, [])
    limit = 3 * 64 * 64 * 20
    pool = Pool([long], longest=64, limit_bytes=limit, threads=1)
    assert pool.clip_frames == 20
    assert pool.bytes == limit
    assert (pool.entries[0].images[0].permute(1, 2, 0).numpy() == frames[10]).all()
    assert str(pool).endswith("clips of at most 20 frames")


@pytest.mark.parametrize("limit", [3 * 64 * 64 * frames + 1 for frames in (9, 13, 39)])
def test_no_frame_more_fits(limit: int, items: Sequence[Item]) -> None:
    street = named(items, "street")
    long = replace(street, images=street.images * 10)
    fitting = frames_that_fit([long], 64, limit)
    assert fitting is not None
    assert fitting * 3 * 64 * 64 <= limit < (fitting + 1) * 3 * 64 * 64


def test_what_fits_is_left_whole(items: Sequence[Item]) -> None:
    assert frames_that_fit(items, 64, 1 << 30) is None
    assert frames_that_fit([], 64, 0) is None


def test_too_much_is_an_error_that_says_what_fits(items: Sequence[Item]) -> None:
    with pytest.raises(DataError, match=r"at 768 pixels; give fewer, or a longest side of at most \d+"):
        Pool(items, limit_bytes=SHORTEST * 1000)


def test_a_clip_whose_frames_differ_in_size_is_named(tmp_path: Path) -> None:
    bad = item(tmp_path, "bad", "backdrop-clip", [a_room(1, 20, 30), a_room(2, 20, 32)], [])
    with pytest.raises(DataError, match=r"1\.png: expected 30x20 as .*0\.png has, got 32x20"):
        Pool([bad])


def test_an_alpha_of_another_size_is_named(tmp_path: Path) -> None:
    bad = item(tmp_path, "bad", "scene-still", [mixed(figure("bust"), 1)], [figure("bust", 50, 50)])
    with pytest.raises(DataError, match=r"0\.a\.png: expected 60x72"):
        Pool([bad])


def test_progress_is_told_for_every_item(items: Sequence[Item]) -> None:
    told: list[tuple[int, int]] = []
    Pool(items[:3], threads=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_there_is_room_on_the_processor() -> None:
    assert room(torch.device("cpu")) > 1 << 20
