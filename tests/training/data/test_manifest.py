"""A changed data folder is an error that says what changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rimlight.errors import DataError
from rimlight.training.data.items import Item
from rimlight.training.data.manifest import split_recorded
from rimlight.training.data.registry import find
from rimlight.training.data.splits import split

from . import made


def portraits(root: Path) -> list[Item]:
    return find("p3m10k", root)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return made.p3m10k(tmp_path / "data", train=8)


def test_the_record_is_written_once_and_gives_the_same_split(root: Path, tmp_path: Path) -> None:
    record = tmp_path / "runs/one/p3m10k.json"
    first = split_recorded(portraits(root), "p3m10k", record)
    text = record.read_bytes()
    assert first == split(portraits(root), "p3m10k")
    assert split_recorded(portraits(root), "p3m10k", record) == first
    assert record.read_bytes() == text
    assert [path.name for path in record.parent.iterdir()] == ["p3m10k.json"]


def test_the_record_counts(root: Path, tmp_path: Path) -> None:
    split_recorded(portraits(root), "p3m10k", tmp_path / "record.json")
    table = json.loads((tmp_path / "record.json").read_text())
    assert table["counts"] == {"train": {"scene-still": 8}, "val": {"scene-still": 2}, "test": {"scene-still": 2}}
    assert len(table["checksum"]) == 64
    assert table["items"]["p3m10k/P3M-500-P/p_P3M-500-P0"][0] == "val"


def test_the_record_rules_the_split(root: Path, tmp_path: Path) -> None:
    """Not the code of today: a run that goes on keeps the split that it began with."""
    record = tmp_path / "record.json"
    split_recorded(portraits(root), "p3m10k", record)
    table = json.loads(record.read_text())
    table["items"]["p3m10k/train/p_00000003"][0] = "test"
    record.write_text(json.dumps(table))
    found = split_recorded(portraits(root), "p3m10k", record)
    assert "p3m10k/train/p_00000003" in [item.key for item in found["test"]]
    assert len(found["train"]) == 7


def test_the_folder_may_move(root: Path, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    before = split_recorded(portraits(root), "p3m10k", record)
    after = split_recorded(portraits(root.rename(tmp_path / "elsewhere")), "p3m10k", record)
    assert [item.key for item in after["train"]] == [item.key for item in before["train"]]


def test_changes_are_named(root: Path, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    split_recorded(portraits(root), "p3m10k", record)
    for half in ("blurred_image/p_00000002.jpg", "mask/p_00000002.png"):
        (root / "train" / half).unlink()
    made.pair(root / "train/blurred_image/p_new.jpg", root / "train/mask/p_new.png", 77)
    with (root / "train/mask/p_00000005.png").open("ab") as file:
        file.write(b"more")
    with pytest.raises(DataError) as caught:
        split_recorded(portraits(root), "p3m10k", record)
    for said in ("p_00000002 is gone", "p_new is new", "p_00000005 is changed", "put the data back"):
        assert said in str(caught.value)


def test_a_clip_with_a_frame_less_has_changed(tmp_path: Path) -> None:
    made.videomatte240k(tmp_path / "data")
    split_recorded(find("videomatte240k", tmp_path / "data"), "videomatte240k", tmp_path / "record.json")
    for half in ("fgr", "pha"):
        (tmp_path / "data/train" / half / "0001/00003.jpg").unlink()
    with pytest.raises(DataError, match="train/0001 is changed"):
        split_recorded(find("videomatte240k", tmp_path / "data"), "videomatte240k", tmp_path / "record.json")


def test_another_seed_or_ratio_is_an_error(root: Path, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    split_recorded(portraits(root), "p3m10k", record, seed=1)
    with pytest.raises(DataError, match="seed 1, now it is 2"):
        split_recorded(portraits(root), "p3m10k", record, seed=2)
    with pytest.raises(DataError, match="ratio None, now it is"):
        split_recorded(portraits(root), "p3m10k", record, seed=1, ratio=(8, 1, 1))
    with pytest.raises(DataError, match="dataset p3m10k, now it is folder"):
        split_recorded(portraits(root), "folder", record, seed=1)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1}', '{"version": 9, "items": {}}', '{"version": 1, "items": {"a": 3}}',
             '{"version": 1, "items": {"a": ["other", "x"]}}', '{"version": 1, "items": {}}']
)  # fmt: skip
def test_a_damaged_record_is_an_error(text: str, root: Path, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    record.write_text(text)
    with pytest.raises(DataError, match=r"record\.json: is no record"):
        split_recorded(portraits(root), "p3m10k", record)
    assert record.read_text() == text


def test_names_of_any_bytes_are_recorded(tmp_path: Path) -> None:
    """Linux file names need not be text."""
    name = b"caf\xe9 \xf0\x9f\x98\x80 \n"
    folder = tmp_path / "data/fgr"
    made.pair(folder / "x.png", tmp_path / "data/alpha/x.png", 1)
    for path in (folder / "x.png", tmp_path / "data/alpha/x.png"):
        path.rename(path.parent / f"{name.decode('utf-8', 'surrogateescape')}.png")
    for _ in range(2):
        found = split_recorded(find("folder", tmp_path / "data"), "folder", tmp_path / "record.json")
        assert len(found["train"]) == 1


def test_a_folder_that_cannot_be_written_is_an_error(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        split_recorded(portraits(root), "p3m10k", tmp_path / "file/record.json")
