"""Lists of names choose items."""

from __future__ import annotations

from pathlib import Path

import pytest

from rimlight.errors import DataError
from rimlight.training.data.registry import find

from . import made


def names(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "people.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_list_chooses_the_people(tmp_path: Path) -> None:
    root = made.composition1k(tmp_path / "data")
    items = find("composition1k", root, names(tmp_path, "# people\nwoman one.jpg\n\nh_child\ntest/bride.png\n"))
    assert [item.key for item in items] == [
        "composition1k/train/woman one",
        "composition1k/train/h_child",
        "composition1k/test/bride",
    ]


def test_a_list_chooses_clips_of_any_layout(tmp_path: Path) -> None:
    root = made.videomatting108(tmp_path / "data")
    items = find("videomatting108", root, names(tmp_path, "people/dance_2\nstreet\n"))
    assert [item.key for item in items] == ["videomatting108/train/people/dance_2", "videomatting108/background/street"]


def test_dots_in_names_are_no_suffixes(tmp_path: Path) -> None:
    root = made.packed(tmp_path / "data")
    assert [item.key for item in find("packed", root, names(tmp_path, "street_1.5\n"))] == ["packed/photo/street_1.5"]


def test_names_that_are_not_there_are_told(tmp_path: Path) -> None:
    root = made.composition1k(tmp_path / "data")
    with pytest.raises(DataError, match=r"people\.txt: nobody \(and 1 more\) is not in the data set"):
        find("composition1k", root, names(tmp_path, "man_two\nnobody\nnobody else\n"))


@pytest.mark.parametrize("text", ["", "# nobody\n"])
def test_an_empty_list_is_an_error(text: str, tmp_path: Path) -> None:
    root = made.composition1k(tmp_path / "data")
    with pytest.raises(DataError, match="no name at all"):
        find("composition1k", root, names(tmp_path, text))


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    root = made.composition1k(tmp_path / "data")
    with pytest.raises(DataError, match="cannot be read"):
        find("composition1k", root, tmp_path / "none.txt")
