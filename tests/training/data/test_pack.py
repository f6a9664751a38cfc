"""Packed data reads as what it was packed from, in parts of bounded size, byte by byte the same every time."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rimlight.errors import DataError
from rimlight.training.data.check import check
from rimlight.training.data.items import Item, Ref
from rimlight.training.data.pack import Packing, names_of, pack
from rimlight.training.data.reading import read_alphas, read_images
from rimlight.training.data.registry import find
from rimlight.types import Size

from . import made
from .test_layouts import MAKERS


def close(one: tuple[Ref, ...], other: tuple[Ref, ...], *, alpha: bool) -> bool:
    read = read_alphas if alpha else read_images
    pairs = zip(read(one), read(other), strict=True)
    return all(np.abs(before.astype(int) - after).mean() < 10 for before, after in pairs)


@pytest.mark.parametrize("layout", MAKERS)
def test_any_layout_comes_back(layout: str, tmp_path: Path) -> None:
    items = find(layout, MAKERS[layout](tmp_path / "data"))
    pack(items, tmp_path / "packed", threads=2)
    back = {item.key.removeprefix("packed/"): item for item in find("packed", tmp_path / "packed")}
    names = names_of(items)
    assert back.keys() == set(names.values())
    for item in items:
        there = back[names[item.key]]
        assert (there.kind, there.frames, len(there.alphas)) == (item.kind, item.frames, len(item.alphas))
        assert close(item.images, there.images, alpha=False)
        assert close(item.alphas, there.alphas, alpha=True)
    assert not check(list(back.values())).faults


def test_packing_packed_data_changes_nothing(tmp_path: Path) -> None:
    one = pack(find("folder", made.folder(tmp_path / "data")), tmp_path / "one", Packing(part_bytes=70_000))
    other = pack(find("packed", tmp_path / "one"), tmp_path / "other", Packing(part_bytes=70_000), threads=3)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_the_order_of_the_items_and_the_threads_do_not_matter(tmp_path: Path) -> None:
    items = find("packed", made.packed(tmp_path / "data"))
    one = pack(items, tmp_path / "one", threads=1)
    other = pack(items[::-1], tmp_path / "other", threads=4)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def test_tars_are_plain_and_tell_nothing_of_the_machine(tmp_path: Path) -> None:
    (path,) = pack(find("packed", made.packed(tmp_path / "data")), tmp_path / "packed")
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        assert [member.name for member in members][:4] == [
            "face/ada.jpg", "face/ada.a.jpg", "photo/street_1.5.jpg", "photo/street_1.5.a.jpg"
        ]  # fmt: skip
        assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {
            (0, 0, 0, "", "")
        }
        member = tar.extractfile("face/ada.jpg")
        assert member is not None
        assert member.read() == (tmp_path / "data/face/ada.jpg").read_bytes()


def test_parts_are_full_and_never_too_large(tmp_path: Path) -> None:
    items = find("packed", made.packed(tmp_path / "data"))
    for number in range(120):
        image, alpha = tmp_path / f"data/face/n{number}.jpg", tmp_path / f"data/face/n{number}.a.jpg"
        made.pair(image, alpha, number)
    items = find("packed", tmp_path / "data")
    parts = pack(items, tmp_path / "packed", Packing(part_bytes=70_000))
    sizes = [path.stat().st_size for path in parts]
    assert [path.name for path in parts] == [f"part{number}.tar" for number in range(1, len(parts) + 1)]
    assert len(parts) > 4
    assert max(sizes) <= 70_000
    assert min(sizes[:-1]) > 60_000
    assert len(find("packed", tmp_path / "packed")) == len(items)


def test_a_clip_may_lie_in_several_parts(tmp_path: Path) -> None:
    for frame in range(100):
        made.pair(tmp_path / f"data/vid/long/{frame}.jpg", tmp_path / f"data/vid/long/{frame}.a.jpg", frame)
    pack(find("packed", tmp_path / "data"), tmp_path / "packed", Packing(part_bytes=70_000))
    (item,) = find("packed", tmp_path / "packed")
    assert len({ref.path for ref in item.images}) > 2
    assert [ref.member for ref in item.images] == [f"vid/long/{frame:03d}.jpg" for frame in range(100)]
    assert close(item.images, find("packed", tmp_path / "data")[0].images, alpha=False)


def test_names_of_frames_sort_as_text_in_long_clips_too(tmp_path: Path) -> None:
    ref = Ref(made.write(tmp_path / "x.jpg", made.picture(1, 8, 8)))
    pack([Item("folder/backdrops/sea", "backdrop-clip", (ref,) * 1001)], tmp_path / "packed")
    (item,) = find("packed", tmp_path / "packed")
    names = [image.member or "" for image in item.images]
    assert names == sorted(names)
    assert names[-1] == "bgv/folder_backdrops_sea/1000.jpg"


def test_larger_pictures_are_scaled_down_with_their_alphas(tmp_path: Path) -> None:
    made.write(tmp_path / "data/photo/large.jpg", made.picture(1, 90, 200))
    made.write(tmp_path / "data/photo/large.a.jpg", made.alpha(1, 90, 200))
    made.pair(tmp_path / "data/photo/small.jpg", tmp_path / "data/photo/small.a.jpg", 2)
    pack(find("packed", tmp_path / "data"), tmp_path / "packed", Packing(longest=100))
    report = check(find("packed", tmp_path / "packed"))
    assert (report.smallest, report.largest) == (Size(made.HEIGHT, made.WIDTH), Size(45, 100))


def test_quality_decides_the_size(tmp_path: Path) -> None:
    made.write(tmp_path / "data/x.png", np.dstack([made.picture(1, 90, 200), made.alpha(1, 90, 200)]))
    items = find("folder", tmp_path / "data")
    sizes = {}
    for quality in (40, 95):
        pack(items, tmp_path / str(quality), Packing(quality=quality))
        (item,) = find("packed", tmp_path / str(quality))
        sizes[quality] = item.images[0].length or 0
    assert sizes[40] < sizes[95]


def test_alphas_end_exactly_at_0_and_255(tmp_path: Path) -> None:
    pack(find("composition1k", made.composition1k(tmp_path / "data")), tmp_path / "packed")
    for item in find("packed", tmp_path / "packed"):
        (alpha,) = read_alphas(item.alphas)
        assert (alpha == 0).mean() > 0.2
        assert (alpha == 255).mean() > 0.05


def test_names_are_distinct_where_keys_differ_in_slashes_only(tmp_path: Path) -> None:
    made.write(tmp_path / "data/a.png", made.rgba(1))
    (item,) = find("folder", tmp_path / "data")
    keys = ["folder/a/b", "folder/a_b", "folder/a_b-2", "packed/face/x.a", "folder/.hidden"]
    items = [Item(key, item.kind, item.images, item.alphas) for key in keys]
    names = names_of(items)
    assert len(set(names.values())) == len(keys)
    assert names["packed/face/x.a"] == "face/x_a"
    pack(items, tmp_path / "packed")
    assert len(find("packed", tmp_path / "packed")) == len(keys)


NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=24).filter(
    lambda name: not name.startswith((".", "__MACOSX")) and len(name.encode()) < 200 and not name.endswith(".a")
)


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_survives(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    root = tmp_path_factory.mktemp("names")
    for seed, name in enumerate(names):
        made.pair(root / "data/fgr" / f"{name}.png", root / "data/alpha" / f"{name}.png", seed)
    items = find("folder", root / "data")
    assert {item.key for item in items} == {f"folder/fgr/{name}" for name in names}
    pack(items, root / "packed", threads=1)
    back = {item.key: item for item in find("packed", root / "packed")}
    of_key = names_of(items)
    assert back.keys() == {f"packed/{name}" for name in of_key.values()}
    for item in items:
        assert close(item.images, back[f"packed/{of_key[item.key]}"].images, alpha=False)


def test_names_that_are_no_text_survive(tmp_path: Path) -> None:
    made.write(tmp_path / "data/x.png", made.rgba(1))
    (tmp_path / "data/x.png").rename(tmp_path / "data" / b"caf\xe9.png".decode("utf-8", "surrogateescape"))
    pack(find("folder", tmp_path / "data"), tmp_path / "packed")
    assert [item.key for item in find("packed", tmp_path / "packed")] == ["packed/face/folder_caf\udce9"]


def test_progress_counts_frames(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    items = find("packed", made.packed(tmp_path / "data"))
    pack(items, tmp_path / "packed", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 13) for done in range(1, 14)]


def test_nothing_stays_behind_when_a_picture_is_bad(tmp_path: Path) -> None:
    made.packed(tmp_path / "data")
    path = tmp_path / "data/vid/talk/002.jpg"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"vid/talk/002\.jpg: the picture is cut off"):
        pack(find("packed", tmp_path / "data"), tmp_path / "packed")
    assert list((tmp_path / "packed").iterdir()) == []


def test_an_alpha_of_another_size_is_named(tmp_path: Path) -> None:
    made.packed(tmp_path / "data")
    made.write(tmp_path / "data/face/ada.a.jpg", made.alpha(1, 50, 50))
    with pytest.raises(DataError, match=r"face/ada\.a\.jpg: expected the size of its picture"):
        pack(find("packed", tmp_path / "data"), tmp_path / "packed")


def test_parts_are_not_written_over(tmp_path: Path) -> None:
    items = find("packed", made.packed(tmp_path / "data"))
    pack(items, tmp_path / "packed")
    with pytest.raises(DataError, match="has tar files in it already"):
        pack(items, tmp_path / "packed")


def test_a_frame_that_fits_no_part_is_an_error(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    made.write(tmp_path / "data/bg/noise.png", noise)
    made.write(tmp_path / "folder/backdrops/noise.png", noise)
    with pytest.raises(DataError, match=r"noise\.jpg: \d+ bytes do not fit"):
        pack(find("folder", tmp_path / "folder"), tmp_path / "packed", Packing(quality=100, part_bytes=70_000))


@pytest.mark.parametrize(
    "wrong", [{"quality": 0}, {"quality": 101}, {"alpha_quality": 0}, {"longest": 0}, {"part_bytes": 1000}]
)
def test_settings_out_of_range_are_errors(wrong: dict[str, int]) -> None:
    with pytest.raises(DataError, match="expected qualities"):
        Packing(**wrong)


def test_nothing_to_pack_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got none"):
        pack([], tmp_path)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    items = find("packed", made.packed(tmp_path / "data"))
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        pack(items, tmp_path / "file")
