"""Half a download, or another data set: an error that names the first file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rimlight.errors import DataError
from rimlight.training.data.items import Item, Ref
from rimlight.training.data.registry import LAYOUTS, find

from . import made
from .test_layouts import MAKERS

# layout, what is deleted, what the message says besides the deleted file's other half
HALVES = [
    ("aisegment", "matting/1803151818/matting_00000000/1803151818-00000001.png", "00000001.jpg: has no alpha"),
    ("aisegment", "clip_img/1803151818/clip_00000000/1803151818-00000002.jpg", "00000002.png: has no image"),
    ("composition1k", "Combined_Dataset/Training_set/Other/alpha/h_child.jpg", "h_child.png: has no alpha"),
    ("composition1k", "Combined_Dataset/Training_set/Other/fg/v_glass.png", "v_glass.jpg: has no image"),
    ("videomatte240k", "train/pha/0001/00002.jpg", "fgr/0001/00002.jpg: has no alpha"),
    ("videomatting108", "FG_done/people/dance_1/00001.png", "dance_1/00001.png: is listed but not there"),
    ("p3m10k", "train/mask/p_00000003.png", "p_00000003.jpg: has no alpha"),
    ("p3m10k", "validation/P3M-500-NP/original_image/p_P3M-500-NP1.jpg", "p_P3M-500-NP1.png: has no image"),
    ("folder", "alpha/walk/10.png", "fgr/walk/10.jpg: has no alpha"),
    ("folder", "photo.jpg", "photo.a.jpg: has no image"),
    ("folder", "talking/001.a.png", "talking/001.jpg: has no alpha"),
    ("packed", "vid/talk/001.a.jpg", "vid/talk/001.jpg: has no alpha"),
    ("packed", "real/walk/000.jpg", "real/walk/000.a.jpg: has no picture"),
    ("packed", "face/ada.jpg", "face/ada.a.jpg: has no picture"),
]


@pytest.mark.parametrize(("layout", "file", "said"), HALVES)
def test_a_missing_half_is_named(layout: str, file: str, said: str, tmp_path: Path) -> None:
    (MAKERS[layout](tmp_path) / file).unlink()
    with pytest.raises(DataError) as caught:
        find(layout, tmp_path)
    assert said in str(caught.value)
    assert "fetch" in str(caught.value)


def test_the_number_of_others_is_told(tmp_path: Path) -> None:
    made.p3m10k(tmp_path, train=6)
    for name in ("p_00000001", "p_00000003", "p_00000004"):
        (tmp_path / f"train/mask/{name}.png").unlink()
    with pytest.raises(DataError, match=r"p_00000001\.jpg: has no alpha of the same name \(and 2 more\)"):
        find("p3m10k", tmp_path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_empty_or_missing_folder_is_no_data_set(layout: str, tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(DataError, match="expected"):
            find(layout, root)


@pytest.mark.parametrize("layout", ["aisegment", "composition1k", "videomatte240k", "videomatting108", "p3m10k"])
def test_another_data_set_is_told_from_the_right_one(layout: str, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    made.write(tmp_path / "holiday/beach.jpg", made.picture(1))
    with pytest.raises(DataError, match="found holiday"):
        find(layout, tmp_path)


def test_a_clip_without_its_alphas(tmp_path: Path) -> None:
    made.videomatte240k(tmp_path)
    (tmp_path / "test/pha/0001").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="fgr/0001: has no alpha"):
        find("videomatte240k", tmp_path)


def test_videos_of_unequal_length(tmp_path: Path) -> None:
    made.videomatte240k_movies(tmp_path)
    made.movie(tmp_path / "train/pha/0001.mp4", (made.grey(made.alpha(seed)) for seed in range(3)))
    with pytest.raises(DataError, match=r"pha/0001\.mp4: has 3 frames, its picture 0001\.mp4 has 5"):
        find("videomatte240k", tmp_path)


def test_half_a_video(tmp_path: Path) -> None:
    made.videomatte240k_movies(tmp_path)
    path = tmp_path / "train/fgr/0000.mp4"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"fgr/0000\.mp4: cannot be decoded"):
        find("videomatte240k", tmp_path)


@pytest.mark.parametrize("text", ["{", "[1, 2]", "\udcff"])
def test_a_damaged_table_of_frames(text: str, tmp_path: Path) -> None:
    made.videomatting108(tmp_path)
    (tmp_path / "frame_corr.json").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError, match=r"frame_corr\.json"):
        find("videomatting108", tmp_path)


def test_a_listed_clip_that_is_not_there(tmp_path: Path) -> None:
    made.videomatting108(tmp_path)
    (tmp_path / "frame_corr.json").write_text(json.dumps({}))
    (tmp_path / "train_videos.txt").write_text("people/dance_0\nno_such_clip\n")
    with pytest.raises(DataError, match="no_such_clip: is listed but not there"):
        find("videomatting108", tmp_path)


def test_a_folder_without_alphas(tmp_path: Path) -> None:
    made.write(tmp_path / "images/x.jpg", made.picture(1))
    with pytest.raises(DataError, match="no folder of alphas"):
        find("folder", tmp_path)


def test_two_folders_that_mean_the_same(tmp_path: Path) -> None:
    made.folder(tmp_path)
    (tmp_path / "pha").mkdir()
    with pytest.raises(DataError, match="alpha/ and pha/ mean the same"):
        find("folder", tmp_path)


def test_two_pictures_of_one_name(tmp_path: Path) -> None:
    made.folder(tmp_path)
    made.write(tmp_path / "fgr/ada.jpg", made.picture(1))
    with pytest.raises(DataError, match=r"ada\.png: has the same name as ada\.jpg"):
        find("folder", tmp_path)


def test_one_key_for_two_items(tmp_path: Path) -> None:
    made.folder(tmp_path)
    made.write(tmp_path / "photo/000.png", made.rgba(1))
    with pytest.raises(DataError, match="has the same name as"):
        find("folder", tmp_path)


@pytest.mark.parametrize(
    ("kind", "images", "alphas"),
    [
        ("person-still", 1, 0),
        ("scene-clip", 3, 2),
        ("backdrop-still", 1, 1),
        ("person-still", 2, 2),
        ("scene-clip", 0, 0),
    ],
)
def test_an_item_has_the_pictures_of_its_kind(kind: str, images: int, alphas: int) -> None:
    refs = tuple(Ref(Path(f"{index}.png")) for index in range(3))
    with pytest.raises(DataError, match="some/key: expected"):
        Item("some/key", kind, refs[:images], refs[:alphas])  # type: ignore[arg-type]


def test_an_unknown_layout_is_told_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="aisegment, composition1k"):
        find("coco", tmp_path)
