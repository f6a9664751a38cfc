"""The packed layout: tars that are cut off or strange, and the parts that this project trains on."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import DataError
from rimlight.training.data.check import check
from rimlight.training.data.items import Item
from rimlight.training.data.pack import pack
from rimlight.training.data.reading import read_alpha, read_image
from rimlight.training.data.registry import find
from rimlight.training.data.splits import split

from . import made


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """One tar of everything."""
    (path,) = pack(find("packed", made.packed(tmp_path / "data")), tmp_path / "packed")
    return path


def with_member(path: Path, name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE) -> None:
    with tarfile.open(path, "a") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, len(data)
        tar.addfile(info, io.BytesIO(data))


def test_one_tar_is_a_data_set(part: Path) -> None:
    assert find("packed", part) == find("packed", part.parent)


def test_references_point_at_the_bytes(part: Path) -> None:
    for item in find("packed", part):
        for ref in item.refs():
            with tarfile.open(part) as tar:
                member = tar.extractfile(ref.member or "")
                assert member is not None
                wanted = member.read()
            assert ref.offset is not None
            assert ref.length == len(wanted)
            assert part.read_bytes()[ref.offset : ref.offset + ref.length] == wanted


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.96])
def test_a_part_that_is_cut_off(part: Path, share: float) -> None:
    data = part.read_bytes()
    part.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match=r"part1\.tar"):
        find("packed", part)


def test_a_part_cut_between_two_files(part: Path) -> None:
    """To tarfile that is a whole archive."""
    last = find("packed", part)[-1].alphas[-1]
    assert last.offset is not None
    with tarfile.open(part) as tar:
        header = tar.getmember(last.member or "").offset
    part.write_bytes(part.read_bytes()[:header])
    with pytest.raises(DataError, match=r"part1\.tar: the tar has no end"):
        find("packed", part)


def test_a_part_whose_end_was_never_fetched(part: Path) -> None:
    """As long as it should be, but empty behind some file: to tarfile that is a whole archive too."""
    data = part.read_bytes()
    with tarfile.open(part) as tar:
        end = tar.getmember("photo/street_1.5.jpg").offset
    part.write_bytes(data[:end] + bytes(len(data) - end))
    with pytest.raises(DataError, match=r"part1\.tar: nothing is left .* behind face/ada\.a\.jpg"):
        find("packed", part)


def test_a_missing_part_of_a_clip(tmp_path: Path) -> None:
    made.packed(tmp_path / "data")
    (tmp_path / "data/vid/talk/001.a.jpg").unlink()
    with tarfile.open(tmp_path / "part1.tar", "w") as tar:
        tar.add(tmp_path / "data", "./")
    with pytest.raises(DataError, match=r"part1\.tar:\./vid/talk/001\.jpg: has no alpha.*with all its parts"):
        find("packed", tmp_path / "part1.tar")


def test_a_tar_made_by_hand_is_read(tmp_path: Path) -> None:
    """With folders, ./ before the names and the files that a Mac adds."""
    made.packed(tmp_path / "data")
    (tmp_path / "data/face/._ada.jpg").write_bytes(b"\0")
    with tarfile.open(tmp_path / "part1.tar", "w") as tar:
        tar.add(tmp_path / "data", ".")
    assert [item.key for item in find("packed", tmp_path / "part1.tar")] == [
        item.key for item in find("packed", tmp_path / "data")
    ]


@pytest.mark.parametrize("name", ["readme.txt", "face/deep/x.jpg", "vid/x.jpg", "/etc/x.jpg", "../x.jpg", "face/x.png"])
def test_strange_names_are_errors(name: str, part: Path) -> None:
    with_member(part, name)
    with pytest.raises(DataError, match="is it another data set"):
        find("packed", part)


def test_links_are_not_followed(part: Path) -> None:
    with_member(part, "face/link.jpg", b"", tarfile.SYMTYPE)
    with pytest.raises(DataError, match=r"face/link\.jpg: expected a plain file"):
        find("packed", part)


def test_a_name_in_two_parts_is_an_error(part: Path) -> None:
    (part.parent / "part2.tar").write_bytes(part.read_bytes())
    with pytest.raises(DataError, match="is there twice"):
        find("packed", part.parent)


def test_a_backdrop_with_an_alpha_is_an_error(part: Path) -> None:
    with_member(part, "bg/room.a.jpg")
    with pytest.raises(DataError, match=r"bg/room\.jpg: has an alpha"):
        find("packed", part)


def test_what_is_no_tar_is_an_error(tmp_path: Path) -> None:
    for data in (b"", b"no tar", bytes(range(256)) * 50 + bytes(1024)):
        (tmp_path / "part1.tar").write_bytes(data)
        with pytest.raises(DataError, match=r"part1\.tar"):
            find("packed", tmp_path)


class TestOwnData:
    """The parts beside the checkout."""

    @pytest.fixture
    def items(self, shared: Path) -> list[Item]:
        return find("packed", shared / "data/train")

    def test_the_counts_of_the_data_card(self, items: list[Item]) -> None:
        assert Counter(item.kind for item in items) == {
            "person-still": 201,
            "scene-still": 1244,
            "scene-clip": 29,
            "person-clip": 10,
            "backdrop-still": 513,
            "backdrop-clip": 16,
        }
        frames: Counter[str] = Counter()
        for item in items:
            frames[item.kind] += item.frames
        assert (frames["scene-clip"], frames["person-clip"], frames["backdrop-clip"]) == (1160, 500, 384)

    def test_a_clip_that_two_parts_share_is_whole(self, items: list[Item]) -> None:
        (clip,) = (item for item in items if item.key == "packed/real/sister")
        assert {ref.path.name for ref in (*clip.images, *clip.alphas)} == {"part2.tar", "part3.tar"}
        assert [ref.member for ref in clip.images] == [f"real/sister/{frame:03d}.jpg" for frame in range(40)]

    def test_some_of_it_is_whole(self, items: list[Item]) -> None:
        assert not check(items[::40], threads=2).faults

    def test_alphas_are_exact_inside_and_outside(self, items: list[Item]) -> None:
        for item in [item for item in items if item.kind == "person-still"][::25]:
            alpha = read_alpha(item.alphas[0])
            assert alpha.shape == read_image(item.images[0]).shape[:2]
            exact = np.isin(alpha, (0, 255)).mean()
            assert exact > 0.8
            assert not np.isin(alpha, (1, 2, 3, 4, 5, 250, 251, 252, 253, 254)).any()

    def test_nobody_is_in_training_and_validation(self, items: list[Item]) -> None:
        found = split(items, "packed")
        people = [
            {item.key.split("_")[2] for item in found[name] if "/london_" in item.key} for name in ("train", "val")
        ]
        assert not people[0] & people[1]
        assert (len(found["train"]), len(found["val"]), len(found["test"])) == (1912, 101, 0)
