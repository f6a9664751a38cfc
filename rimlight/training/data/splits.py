"""Which items are for training, validation and testing: fixed by a seed, in the paper's ratios.

What the authors of a data set keep for testing is never trained on; the rest is divided. An item's place depends on its
key and the seed only, not on the order of the files or on a random generator's version. Pictures of one person stay
together where the names tell.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from rimlight.errors import DataError
from rimlight.training.data.items import Item

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Ratio = tuple[int, int, int]  # train, val, test

# Song, section 5.1; for VideoMatting108 the first ratio is of its 108 foregrounds, the second of its 109 backgrounds.
PAPER: dict[str, Ratio] = {
    "aisegment": (75, 10, 15),
    "composition1k": (420, 15, 10),
    "videomatte240k": (474, 5, 5),
    "videomatting108": (104, 2, 2),
}
BACKGROUNDS: dict[str, Ratio] = {"videomatting108": (95, 7, 7)}
OWN: dict[str, Ratio] = {"packed": (95, 5, 0)}  # its test clips are a set of their own
USUAL: Ratio = (90, 5, 5)

# By the second part of an item's key: what the authors decided.
PUBLISHED: dict[str, dict[str, Split]] = {
    "videomatte240k": {"test": "test", "val": "val"},
    "composition1k": {"test": "test"},
    "dvm": {"test": "test"},
    "p3m10k": {"train": "train", "P3M-500-P": "val", "P3M-500-NP": "test"},
}
PREFERRED = {"videomatting108": "val"}  # validation and test come out of the authors' validation clips first
ONE_PERSON = {"packed": (re.compile(r"/london_[ns]_(\d+)_\d+$"), r"/london_\1")}  # neutral and smiling


def split(items: Sequence[Item], dataset: str, seed: int = 0, ratio: Ratio | None = None) -> dict[Split, list[Item]]:
    """Items of "train", "val" and "test", each in the given order; every kind is divided by itself.

    dataset: name of the layout, which decides the ratio (train, val, test) unless one is given.
    Raises DataError for a ratio that is negative or has no share for training.
    """
    places: dict[str, Split] = {}
    of_kind = defaultdict(list)
    for item in items:
        of_kind[item.kind].append(item)
    for kind, group in of_kind.items():
        usual = BACKGROUNDS.get(dataset) if kind.startswith("backdrop") else None
        shares = ratio or usual or PAPER.get(dataset) or OWN.get(dataset) or USUAL
        if min(shares) < 0 or shares[0] < 1:
            raise DataError(f"expected a ratio of train, val and test with some for training, got {shares}")
        places |= _divide(group, dataset, seed, shares)
    return {name: [item for item in items if places[item.key] == name] for name in SPLITS}


def counts_of(total: int, ratio: Sequence[int]) -> list[int]:
    """total divided by the ratio into whole numbers, by largest remainder.

    Every part with a share gets at least one where there are enough; the first part gets one in any case.
    """
    whole = sum(ratio)
    exact = [total * share / whole for share in ratio]
    found = [int(value) for value in exact]
    for index in sorted(range(len(ratio)), key=lambda index: found[index] - exact[index])[: total - sum(found)]:
        found[index] += 1
    for index, share in enumerate(ratio):
        largest = found.index(max(found))
        if share and not found[index] and found[largest] > (index > 0):
            found[index], found[largest] = 1, found[largest] - 1
    return found


def _divide(items: Iterable[Item], dataset: str, seed: int, ratio: Ratio) -> dict[str, Split]:
    published = PUBLISHED.get(dataset, {})
    places = {item.key: published[_part(item)] for item in items if _part(item) in published}
    rest = [item for item in items if item.key not in places]
    # A split that the authors filled takes nothing of the rest.
    left = tuple(0 if name in places.values() else share for name, share in zip(SPLITS, ratio, strict=True))
    if not rest:
        return places
    held = PREFERRED.get(dataset)
    groups = _groups(rest, dataset)
    order = sorted(groups, key=lambda name: (_part(groups[name][0]) != held, _draw(seed, name)))
    train, val, test = counts_of(len(rest), left if any(left) else ratio)
    room: Mapping[Split, int] = {"test": test, "val": val, "train": train}
    return places | _fill(groups, order, dict(room))


def _fill(groups: dict[str, list[Item]], order: Iterable[str], room: dict[Split, int]) -> dict[str, Split]:
    places: dict[str, Split] = {}
    for name in order:
        target: Split = next((place for place, left in room.items() if left > 0), "train")
        room[target] -= len(groups[name])
        places |= dict.fromkeys((item.key for item in groups[name]), target)
    return places


def _groups(items: Iterable[Item], dataset: str) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        name = item.key
        if dataset in ONE_PERSON:
            pattern, person = ONE_PERSON[dataset]
            name = pattern.sub(person, name)
        found[name].append(item)
    return found


def _part(item: Item) -> str:
    parts = item.key.split("/")
    return parts[1] if len(parts) > 2 else ""


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).digest()
