"""Splits are fixed by the seed, in the paper's ratios, and never train on what the authors keep for testing."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.errors import DataError
from rimlight.training.data.items import Item, Kind, Ref
from rimlight.training.data.splits import SPLITS, Ratio, counts_of, split

REF = (Ref(Path("x.png")),)


def items(count: int, prefix: str = "folder/images", kind: Kind = "scene-still") -> list[Item]:
    return [
        Item(f"{prefix}/{number:05d}", kind, REF, () if kind.startswith("backdrop") else REF) for number in range(count)
    ]


def sizes(found: list[Item], dataset: str, seed: int = 0) -> tuple[int, ...]:
    return tuple(len(part) for part in split(found, dataset, seed).values())


def test_aisegment_in_the_papers_ratio() -> None:
    assert sizes(items(34_427, "aisegment/g/0"), "aisegment") == (25_820, 3_443, 5_164)


def test_videomatte240k_in_the_papers_numbers_with_the_published_test() -> None:
    clips = [*items(479, "videomatte240k/train", "person-clip"), *items(5, "videomatte240k/test", "person-clip")]
    found = split(clips, "videomatte240k")
    assert [len(found[name]) for name in SPLITS] == [474, 5, 5]
    assert all(item.key.startswith("videomatte240k/test/") for item in found["test"])


def test_composition1k_in_the_papers_numbers() -> None:
    assert sizes(items(445, "composition1k/train"), "composition1k") == (420, 15, 10)


def test_the_published_test_of_composition1k_is_never_trained_on() -> None:
    people = [*items(150, "composition1k/train", "person-still"), *items(11, "composition1k/test", "person-still")]
    found = split(people, "composition1k")
    assert [len(found[name]) for name in SPLITS] == [145, 5, 11]
    assert {item.key.split("/")[1] for item in found["test"]} == {"test"}


def test_videomatting108_in_the_papers_numbers() -> None:
    clips = [
        *items(80, "videomatting108/train", "person-clip"),
        *items(28, "videomatting108/val", "person-clip"),
        *items(109, "videomatting108/background", "backdrop-clip"),
    ]
    found = split(clips, "videomatting108")
    kinds = [Counter(item.kind for item in found[name]) for name in SPLITS]
    assert [count["person-clip"] for count in kinds] == [104, 2, 2]
    assert [count["backdrop-clip"] for count in kinds] == [95, 7, 7]
    held = [item.key for name in ("val", "test") for item in found[name] if item.kind == "person-clip"]
    assert all(key.startswith("videomatting108/val/") for key in held)


def test_p3m10k_as_published() -> None:
    photos = [
        *items(50, "p3m10k/train"),
        *items(7, "p3m10k/P3M-500-P"),
        *items(6, "p3m10k/P3M-500-NP"),
    ]
    assert sizes(photos, "p3m10k") == (50, 7, 6)


def test_every_kind_is_divided_by_itself() -> None:
    found = split([*items(100), *items(40, "folder/fgr", "person-clip")], "folder")
    assert [Counter(item.kind for item in found[name]) for name in SPLITS] == [
        {"scene-still": 90, "person-clip": 36},
        {"scene-still": 5, "person-clip": 2},
        {"scene-still": 5, "person-clip": 2},
    ]


def test_two_pictures_of_one_person_stay_together() -> None:
    faces = [
        Item(f"packed/face/london_{mood}_{number:03d}_0{digit}", "person-still", REF, REF)
        for number in range(60)
        for mood, digit in (("n", 3), ("s", 8))
    ]
    for seed in range(5):
        found = split(faces, "packed", seed)
        people = [{item.key.split("_")[2] for item in found[name]} for name in SPLITS]
        assert len(people[0]) + len(people[1]) == 60
        assert len(found["val"]) == 6


def test_the_order_of_the_files_does_not_matter() -> None:
    some = items(200)
    mixed = random.Random(1).sample(some, len(some))
    for name in SPLITS:
        one, other = split(some, "folder", 3)[name], split(mixed, "folder", 3)[name]
        assert {item.key for item in one} == {item.key for item in other}
        assert one == [item for item in some if item in one]


def test_the_split_of_a_seed_never_changes() -> None:
    """Numbers written down once: another release of Python or NumPy must not divide data anew."""
    found = split(items(40), "folder", 7)
    assert [item.key[-2:] for item in found["val"]] == ["04", "16"]
    assert [item.key[-2:] for item in found["test"]] == ["08", "10"]


def test_another_seed_divides_otherwise() -> None:
    assert split(items(100), "folder", 1)["val"] != split(items(100), "folder", 2)["val"]


def test_a_ratio_of_ones_own() -> None:
    assert [len(part) for part in split(items(10), "aisegment", ratio=(1, 1, 0)).values()] == [5, 5, 0]


@pytest.mark.parametrize("ratio", [(0, 1, 1), (5, -1, 1), (0, 0, 0)])
def test_a_ratio_without_training_is_an_error(ratio: Ratio) -> None:
    with pytest.raises(DataError, match="some for training"):
        split(items(10), "folder", ratio=ratio)


@given(st.integers(1, 300), st.tuples(st.integers(1, 99), st.integers(0, 99), st.integers(0, 99)), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_nothing_is_lost_or_doubled(count: int, ratio: Ratio, seed: int) -> None:
    found = split(items(count), "folder", seed, ratio)
    assert sorted(item.key for part in found.values() for item in part) == [item.key for item in items(count)]
    assert found["train"]


@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), min_size=1, max_size=5).filter(any))
@settings(max_examples=200, deadline=None)
def test_counts_add_up_and_leave_no_share_empty(total: int, ratio: list[int]) -> None:
    counts = counts_of(total, ratio)
    assert sum(counts) == total
    assert min(counts) >= 0
    assert all(not count for count, share in zip(counts, ratio, strict=True) if not share)
    if total >= 2 * len(ratio):
        assert all(count for count, share in zip(counts, ratio, strict=True) if share)
