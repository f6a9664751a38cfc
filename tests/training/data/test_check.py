"""A data set is decoded in full, and the first bad file is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import DataError
from rimlight.training.data.check import check, inspect
from rimlight.training.data.ordered import ordered
from rimlight.training.data.registry import find
from rimlight.types import Size

from . import made
from .test_layouts import MAKERS


@pytest.mark.parametrize("layout", MAKERS)
def test_whole_data_sets_pass(layout: str, tmp_path: Path) -> None:
    items = find(layout, MAKERS[layout](tmp_path))
    report = check(items, threads=2)
    assert report.faults == ()
    assert sum(report.items.values()) == len(items)
    assert report.smallest == report.largest == Size(made.HEIGHT, made.WIDTH)
    assert report.pixels == sum(item.frames for item in items) * made.HEIGHT * made.WIDTH


def test_the_report_counts_by_kind(tmp_path: Path) -> None:
    report = check(find("folder", made.folder(tmp_path)))
    assert report.items == {
        "person-still": 2, "person-clip": 2, "scene-still": 1, "scene-clip": 1, "backdrop-still": 1, "backdrop-clip": 2
    }  # fmt: skip
    assert report.frames["person-clip"] == 6
    assert report.frames["backdrop-clip"] == 8
    assert report.seconds == pytest.approx((3 + 3 + 3 + 2) / 25 + 6 / 30)


def test_progress_reaches_the_number_of_frames(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    check(find("packed", made.packed(tmp_path)), lambda done, total: seen.append((done, total)), threads=2)
    assert seen[-1] == (13, 13)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-60])


def bad_clips(root: Path) -> Path:
    """VideoMatte240K with one fault in each of its training clips."""
    made.videomatte240k(root, clips=(6, 1), frames=6)
    fgr, pha = root / "train/fgr", root / "train/pha"
    cut(fgr / "0000/00002.jpg")
    made.write(pha / "0001/00004.jpg", made.alpha(1, 10, 10))
    for frame in range(6):
        made.write(pha / f"0002/{frame:05d}.jpg", np.full((made.HEIGHT, made.WIDTH), 255, np.uint8))
    for half in (fgr, pha):
        (half / "0003/00003.jpg").unlink()
    made.pair(fgr / "0004/00005.jpg", pha / "0004/00005.jpg", 1)
    made.write(fgr / "0004/00005.jpg", made.picture(1, 12, 16))
    made.write(pha / "0004/00005.jpg", made.alpha(1, 12, 16))
    return root


def test_each_fault_is_told_and_the_good_are_counted(tmp_path: Path) -> None:
    report = inspect(find("videomatte240k", bad_clips(tmp_path)), threads=2)
    for fault, said in zip(
        report.faults,
        (
            "fgr/0000/00002.jpg: the picture is cut off",
            "pha/0001/00004.jpg: expected the size of its picture, 32x24, got 10x10",
            "pha/0002/00000.jpg: expected an alpha of 0 to 255, got 255 to 255",
            "fgr/0003/00004.jpg: expected frame 3 here, got 4",
            "fgr/0004/00005.jpg: is 16x12, the clip's first frame is 32x24",
        ),
        strict=True,
    ):
        assert said in fault
    assert report.items == {"person-clip": 2}
    assert report.frames == {"person-clip": 12}


def test_the_error_names_the_first_and_counts_the_others(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"0000/00002\.jpg: .* \(and 4 more\)"):
        check(find("videomatte240k", bad_clips(tmp_path)))


def test_nobody_may_be_in_some_frames_of_a_clip(tmp_path: Path) -> None:
    made.videomatte240k(tmp_path)
    made.write(tmp_path / "train/pha/0001/00000.jpg", np.zeros((made.HEIGHT, made.WIDTH), np.uint8))
    assert not check(find("videomatte240k", tmp_path)).faults


def test_masks_of_zeros_and_ones_are_found(tmp_path: Path) -> None:
    made.pair(tmp_path / "images/x.jpg", tmp_path / "alpha/x.png", 1)
    made.write(tmp_path / "alpha/x.png", np.asarray(made.alpha(1) > 128, np.uint8))
    with pytest.raises(DataError, match="is a mask of 0 and 1"):
        check(find("folder", tmp_path))


def test_a_photo_for_segmentation_may_show_nobody(tmp_path: Path) -> None:
    made.pair(tmp_path / "images/x.jpg", tmp_path / "masks/x.png", 1)
    made.write(tmp_path / "masks/x.png", np.zeros((made.HEIGHT, made.WIDTH), np.uint8))
    assert check(find("folder", tmp_path)).items == {"mask-photo": 1}
    made.write(tmp_path / "masks/x.png", np.ones((made.HEIGHT, made.WIDTH), np.uint8))
    with pytest.raises(DataError, match=r"masks/x\.png"):
        check(find("folder", tmp_path))


def test_every_second_frame_is_no_gap(tmp_path: Path) -> None:
    for frame in (0, 2, 4, 6):
        made.pair(tmp_path / f"images/clip/f_{frame}.jpg", tmp_path / f"alpha/clip/f_{frame}.jpg", frame)
    assert check(find("folder", tmp_path)).frames == {"scene-clip": 4}


def test_pictures_in_place_of_alphas_are_found(tmp_path: Path) -> None:
    made.p3m10k(tmp_path)
    made.write(tmp_path / "train/mask/p_00000001.png", made.picture(1))
    with pytest.raises(DataError, match=r"mask/p_00000001\.png: expected a grey alpha"):
        check(find("p3m10k", tmp_path))


def test_a_video_that_is_shorter_than_it_says(tmp_path: Path) -> None:
    made.videomatte240k_movies(tmp_path)
    items = find("videomatte240k", tmp_path)
    made.movie(tmp_path / "train/fgr/0001.mp4", (made.picture(seed) for seed in range(3)))
    with pytest.raises(DataError, match=r"fgr/0001\.mp4: expected rising frames below 3"):
        check(items)


def test_results_come_in_the_order_of_the_tasks() -> None:
    assert list(ordered(lambda value: value * 2, range(50), threads=4)) == [2 * value for value in range(50)]


def test_an_exception_comes_in_its_place() -> None:
    def work(value: int) -> int:
        if value == 5:
            raise DataError("five")
        return value

    found = ordered(work, range(100), threads=3)
    assert [next(found) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match="five"):
        next(found)


def test_tasks_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for value in range(1000):
            taken.append(value)
            yield value

    found = ordered(lambda value: value, tasks(), threads=2)
    assert next(found) == 0
    assert len(taken) <= 4
