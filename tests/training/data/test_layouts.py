"""Every published layout gives exactly the items that lie there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rimlight.training.data.items import Item
from rimlight.training.data.reading import read_alphas, read_images
from rimlight.training.data.registry import LAYOUTS, find

from . import made

Listing = list[tuple[str, str, int]]


def listing(items: list[Item]) -> Listing:
    """(key without the layout, kind, frames) of each item."""
    return [(item.key.split("/", 1)[1], item.kind, item.frames) for item in items]


def check_pixels(item: Item, seeds: list[int], *, levels: int = 12) -> None:
    """Frames and alphas are those made with the seeds, as closely as JPEG keeps them."""
    for image, seed in zip(read_images(item.images), seeds, strict=True):
        assert np.abs(image.astype(int) - made.picture(seed)).mean() < levels
    for alpha, seed in zip(read_alphas(item.alphas), seeds, strict=True):
        assert np.abs(alpha.astype(int) - made.alpha(seed)).mean() < levels / 2


def test_aisegment(tmp_path: Path) -> None:
    items = find("aisegment", made.aisegment(tmp_path))
    groups = ("1803151818", "1803201916")
    assert listing(items) == [
        (f"{group}/00000000/{group}-0000000{number}", "scene-still", 1) for group in groups for number in range(3)
    ]
    check_pixels(items[4], [1])


def test_composition1k(tmp_path: Path) -> None:
    items = find("composition1k", made.composition1k(tmp_path))
    assert listing(items) == [
        ("train/dandelion", "person-still", 1),
        ("train/man_two", "person-still", 1),
        ("train/woman one", "person-still", 1),
        ("train/h_child", "person-still", 1),
        ("train/v_glass", "person-still", 1),
        ("test/bride", "person-still", 1),
    ]
    check_pixels(items[1], [1])


def test_videomatte240k_of_pictures(tmp_path: Path) -> None:
    items = find("videomatte240k", made.videomatte240k(tmp_path))
    train = [(f"train/000{number}", "person-clip", 4) for number in range(3)]
    assert listing(items) == [*train, ("test/0000", "person-clip", 4), ("test/0001", "person-clip", 4)]
    check_pixels(items[1], [10, 11, 12, 13])


def test_videomatte240k_of_videos(tmp_path: Path) -> None:
    items = find("videomatte240k", made.videomatte240k_movies(tmp_path))
    keys = ["train/0000", "train/0001", "test/0000", "test/0001"]
    assert listing(items) == [(key, "person-clip", 5) for key in keys]
    check_pixels(items[1], [10, 11, 12, 13, 14], levels=4)


def test_videomatte240k_with_clips_moved_to_valid_and_no_test(tmp_path: Path) -> None:
    made.videomatte240k(tmp_path / "made", clips=(2, 0))
    for half in ("fgr", "pha"):
        (tmp_path / "made/valid" / half).mkdir(parents=True)
        (tmp_path / "made/train" / half / "0001").rename(tmp_path / "made/valid" / half / "0001")
    assert [key for key, _, _ in listing(find("videomatte240k", tmp_path / "made"))] == ["train/0000", "val/0001"]


def test_videomatting108(tmp_path: Path) -> None:
    items = find("videomatting108", made.videomatting108(tmp_path))
    assert listing(items) == [
        *[(f"val/animal_still_{index}", "person-clip", 3) for index in range(3)],
        *[(f"train/people/dance_{index}", "person-clip", 3) for index in range(4)],
        ("background/airport", "backdrop-clip", 5),
        ("background/street", "backdrop-clip", 5),
    ]
    check_pixels(items[3], [0, 1, 2], levels=1)
    assert items[3].images == items[3].alphas


def test_videomatting108_with_the_repaired_backgrounds(tmp_path: Path) -> None:
    made.videomatting108(tmp_path)
    (tmp_path / "BG_done2").mkdir()
    (tmp_path / "BG_done/street").rename(tmp_path / "BG_done2/street")
    backdrops = [key for key, kind, _ in listing(find("videomatting108", tmp_path)) if kind == "backdrop-clip"]
    assert backdrops == ["background/street"]


def test_p3m10k(tmp_path: Path) -> None:
    items = find("p3m10k", made.p3m10k(tmp_path))
    assert listing(items) == [
        *[(f"train/p_0000000{index}", "scene-still", 1) for index in range(4)],
        ("P3M-500-P/p_P3M-500-P0", "scene-still", 1),
        ("P3M-500-P/p_P3M-500-P1", "scene-still", 1),
        ("P3M-500-NP/p_P3M-500-NP0", "scene-still", 1),
        ("P3M-500-NP/p_P3M-500-NP1", "scene-still", 1),
    ]
    check_pixels(items[2], [2])


def test_folder(tmp_path: Path) -> None:
    items = find("folder", made.folder(tmp_path))
    assert listing(items) == [
        ("fgr/ada", "person-still", 1),
        ("fgr/walk", "person-clip", 3),
        ("backdrops/room", "backdrop-still", 1),
        ("backdrops/sea", "backdrop-clip", 2),
        ("backdrops/street", "backdrop-clip", 6),
        ("cut out", "person-still", 1),
        ("photo", "scene-still", 1),
        ("talking", "scene-clip", 3),
        ("turning", "person-clip", 3),
    ]
    check_pixels(items[1], [8, 9, 10])
    check_pixels(items[5], [4], levels=1)
    check_pixels(items[7], [0, 1, 2])


def test_only_alphas_stored_as_jpeg_beside_their_picture_are_snapped(tmp_path: Path) -> None:
    items = {item.key: item for item in find("folder", made.folder(tmp_path))}
    snapped = {key for key, item in items.items() if any(ref.snap for ref in item.alphas)}
    assert snapped == {"folder/photo"}


def test_folder_of_photos_with_masks(tmp_path: Path) -> None:
    made.pair(tmp_path / "images/x.jpg", tmp_path / "masks/x.png", 1)
    assert listing(find("folder", tmp_path)) == [("images/x", "mask-photo", 1)]


def test_folder_of_scenes(tmp_path: Path) -> None:
    made.pair(tmp_path / "src/x.jpg", tmp_path / "pha/x.png", 1)
    made.pair(tmp_path / "src/clip/7.jpg", tmp_path / "pha/clip/7.png", 2)
    assert listing(find("folder", tmp_path)) == [("src/x", "scene-still", 1), ("src/clip", "scene-clip", 1)]


def test_unpacked_parts(tmp_path: Path) -> None:
    items = find("packed", made.packed(tmp_path))
    assert listing(items) == [
        ("bg/room", "backdrop-still", 1),
        ("bgv/sea", "backdrop-clip", 3),
        ("face/ada", "person-still", 1),
        ("mask/crowd", "mask-photo", 1),
        ("photo/street_1.5", "scene-still", 1),
        ("real/walk", "scene-clip", 3),
        ("vid/talk", "person-clip", 3),
    ]
    assert all(ref.snap for item in items for ref in item.alphas)
    check_pixels(items[6], [0, 1, 2])


MAKERS: dict[str, Callable[[Path], Path]] = {
    "aisegment": made.aisegment,
    "composition1k": made.composition1k,
    "videomatte240k": made.videomatte240k,
    "videomatting108": made.videomatting108,
    "p3m10k": made.p3m10k,
    "dvm": made.dvm,
    "folder": made.folder,
    "packed": made.packed,
}


def test_every_layout_is_tried() -> None:
    assert MAKERS.keys() == LAYOUTS.keys()


@pytest.mark.parametrize("layout", MAKERS)
def test_what_a_system_leaves_behind_changes_nothing(layout: str, tmp_path: Path) -> None:
    """Files of file managers, in every folder."""
    items = find(layout, MAKERS[layout](tmp_path))
    for folder in [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]:
        for name in (".DS_Store", "._0001.jpg", "Thumbs.db", "desktop.ini"):
            (folder / name).write_bytes(b"\0")
        (folder / "__MACOSX").mkdir(exist_ok=True)
    assert find(layout, tmp_path) == items


@pytest.mark.parametrize("layout", ["aisegment", "composition1k", "videomatte240k", "videomatting108", "p3m10k"])
def test_a_folder_around_the_data_set_does_not_matter(layout: str, tmp_path: Path) -> None:
    MAKERS[layout](tmp_path / "outer/inner" if layout != "composition1k" else tmp_path / "outer")
    assert find(layout, tmp_path / "outer")


@pytest.mark.parametrize("layout", MAKERS)
def test_keys_are_unique_and_start_with_the_layout(layout: str, tmp_path: Path) -> None:
    keys = [item.key for item in find(layout, MAKERS[layout](tmp_path))]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith(f"{layout}/") for key in keys)
