"""Data sets as the command line names them, and `rimlight data`."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from rimlight.errors import DataError
from rimlight.training import datasets

from ..commandline import Runs, files, refused, runner
from .data import made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Runs:
    return runner(monkeypatch, capfd, tmp_path)


def test_a_layout_is_named_or_known_by_its_looks(tmp_path: Path) -> None:
    plain, stored, tars = made.folder(tmp_path / "plain"), made.packed(tmp_path / "stored"), tmp_path / "tars"
    tars.mkdir()
    (tars / "part1.tar").touch()
    assert datasets.named(str(plain)) == ("folder", plain, None)
    assert datasets.named(str(stored)) == ("packed", stored, None)
    assert datasets.named(str(tars)) == ("packed", tars, None)
    assert datasets.named(f"aisegment:{plain}") == ("aisegment", plain, None)
    for text in ("none", "packed:none", f"vhs:{plain}"):
        with pytest.raises(DataError, match="expected a folder, or LAYOUT:FOLDER with a layout of aisegment, "):
            datasets.named(text)


def test_training_gets_its_share_and_keeps_a_record_of_it(tmp_path: Path) -> None:
    people = tmp_path / "people"
    for number in range(20):
        made.pair(people / f"{number:02d}.jpg", people / f"{number:02d}.a.jpg", number)
    first = datasets.for_training([str(people)], tmp_path / "run")
    assert len(first) == 18
    assert len(datasets.items_of([str(people)])) == 20
    assert datasets.for_training([str(people)], tmp_path / "run") == first
    made.pair(people / "20.jpg", people / "20.a.jpg", 20)
    with pytest.raises(DataError, match=r"split-folder\.json: the data set is not what it was: folder/20 is new"):
        datasets.for_training([str(people)], tmp_path / "run")


def test_a_data_set_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    root = str(made.folder(tmp_path / "plain"))
    with pytest.raises(DataError, match="name each data set once"):
        datasets.items_of([root, f"folder:{root}"])


def test_data_check_says_what_there_is(run: Runs, tmp_path: Path) -> None:
    made.packed(tmp_path / "stored")
    ran = run("data", "check", "stored")
    assert ran.code == 0, ran.err
    assert [line.split()[0] for line in ran.out.splitlines()[:-1]] == [
        "person-still", "person-clip", "scene-still", "scene-clip", "backdrop-still", "backdrop-clip", "mask-photo"
    ]  # fmt: skip
    assert "32x24 to 32x24" in ran.out


def test_data_check_names_every_fault(run: Runs, tmp_path: Path) -> None:
    root = made.packed(tmp_path / "stored")
    (root / "bg/room.jpg").write_bytes(b"no picture")
    made.write(root / "photo/street_1.5.a.jpg", made.alpha(2, 30, 40))
    ran = run("data", "check", "packed:stored")
    assert ran.code == 2
    assert "room.jpg" in ran.err
    assert "street_1.5.a.jpg: expected the size of its picture" in ran.err
    assert "rimlight: 2 items are not as they should be" in ran.err


def test_data_pack_writes_parts_that_hold_the_same(run: Runs, tmp_path: Path) -> None:
    made.folder(tmp_path / "plain")
    ran = run("data", "pack", "plain", "--out", "parts", "--part-mb", 0.1, "--part", "all")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("1 parts, 0.")
    assert files(tmp_path / "parts") == {"part1.tar"}
    before, after = (datasets.items_of([str(tmp_path / name)]) for name in ("plain", "parts"))
    assert sorted(item.kind for item in before) == sorted(item.kind for item in after)
    refused(run("data", "pack", "plain", "--out", "parts"), "has tar files in it already")
    refused(run("data", "pack", "none", "--out", "parts"), "expected a folder")


def test_what_is_kept_for_testing_is_not_packed(run: Runs, tmp_path: Path) -> None:
    made.videomatte240k(tmp_path / "set")
    text = "videomatte240k:set"
    ran = run("data", "pack", text, "--out", "parts")
    assert ran.code == 0, ran.err
    whole = datasets.items_of([f"videomatte240k:{tmp_path / 'set'}"])
    kept = datasets.items_of([f"videomatte240k:{tmp_path / 'set'}"], "train")
    assert 0 < len(kept) < len(whole)
    assert len(datasets.items_of([str(tmp_path / "parts")])) == len(kept)


def test_names_choose_items_of_a_set(tmp_path: Path) -> None:
    root = made.packed(tmp_path / "stored")
    (tmp_path / "people.txt").write_text("# of this set\nada\n")
    (item,) = datasets.items_of([f"packed:{root}@{tmp_path / 'people.txt'}"])
    assert item.key.endswith("ada")
    with pytest.raises(DataError, match="no file of names"):
        datasets.items_of([f"packed:{root}@{tmp_path / 'none.txt'}"])


def test_data_preview_draws_clips_of_a_stage(run: Runs, tmp_path: Path) -> None:
    made.packed(tmp_path / "stored")
    few = ("--set", "video.plan.batch=2", "--set", "video.plan.frames=2", "--set", "video.plan.size=[32,48]")
    ran = run("data", "preview", "stored", "--stage", "video", *few)
    assert ran.code == 0, ran.err
    assert ran.out == "preview.png\n"
    assert cv2.imread(str(tmp_path / "preview.png")) is not None
    refused(run("data", "preview", "stored", "--stage", "vid"), "expected a stage of images, video, full, got 'vid'")
    refused(run("data", "preview", "stored", "--recipe", "vid"), "expected a recipe of paper, preview, smoke")
