"""A record of how a data set was split, and of what it consisted: compared whenever it is used again."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rimlight.errors import DataError
from rimlight.training.data.items import Item, Ref
from rimlight.training.data.layouts.common import natural, others
from rimlight.training.data.splits import SPLITS, Ratio, Split, split

VERSION = 1


def split_recorded(
    items: Sequence[Item], dataset: str, record: Path, seed: int = 0, ratio: Ratio | None = None
) -> dict[Split, list[Item]]:
    """The split that the record holds; where there is no record yet, split(...) with a new record written.

    record: path of a JSON file with counts, the split of every item and checksums of names and file sizes.
    Raises DataError that says what changed where the data, seed or ratio are no longer those of the record.
    """
    if not record.exists():
        divided = split(items, dataset, seed, ratio)
        _write(record, describe(divided, dataset, seed, ratio))
        return divided
    known = _read(record)
    _check_same(known, describe({"train": list(items), "val": [], "test": []}, dataset, seed, ratio), record)
    places = {key: entry[0] for key, entry in known["items"].items()}
    return {name: [item for item in items if places[item.key] == name] for name in SPLITS}


def describe(divided: dict[Split, list[Item]], dataset: str, seed: int, ratio: Ratio | None = None) -> dict[str, Any]:
    """The record of a split as a table for JSON; raises DataError where a file is no longer there."""
    items = {
        item.key: [name, digest(item)]
        for name, group in divided.items()
        for item in sorted(group, key=lambda item: natural(item.key))
    }
    return {
        "version": VERSION,
        "dataset": dataset,
        "seed": seed,
        "ratio": None if ratio is None else list(ratio),
        "counts": {name: dict(sorted(Counter(item.kind for item in group).items())) for name, group in divided.items()},
        "checksum": _checksum(f"{key} {entry[1]}" for key, entry in sorted(items.items())),
        "items": items,
    }


def digest(item: Item) -> str:
    """Checksum of an item's kind and its files' names and sizes; their contents are not read."""
    return _checksum([item.kind, *map(_name_and_size, item.refs())])[:16]


def _name_and_size(ref: Ref) -> str:
    try:
        size = ref.path.stat().st_size if ref.length is None else ref.length
    except OSError as error:
        raise DataError(f"{ref}: cannot be read ({error.strerror}); fetch it again") from error
    return f"{ref.member or ref.path.name} {ref.frame} {size}"


def _checksum(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _check_same(known: dict[str, Any], now: dict[str, Any], record: Path) -> None:
    for what in ("dataset", "seed", "ratio"):
        if known[what] != now[what]:
            raise DataError(
                f"{record}: was made with the {what} {known[what]}, now it is {now[what]}; "
                "use that one, or delete the record to split anew"
            )
    old, new = known["items"], now["items"]
    changes = (
        ("gone", [key for key in old if key not in new]),
        ("new", [key for key in new if key not in old]),
        ("changed", [key for key in new if key in old and old[key][1] != new[key][1]]),
    )
    said = [f"{keys[0]}{others(len(keys))} is {what}" for what, keys in changes if keys]
    if said:
        raise DataError(
            f"{record}: the data set is not what it was: {'; '.join(said)}; "
            "put the data back, or delete the record to split anew"
        )


def _read(record: Path) -> dict[str, Any]:
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        whole = known["version"] == VERSION and all(
            entry[0] in SPLITS and isinstance(entry[1], str) for entry in known["items"].values()
        )
        whole = whole and {"dataset", "seed", "ratio"} <= known.keys()
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise DataError(f"{record}: is no record of a split ({error!r}); delete it to split anew") from error
    if not whole:
        raise DataError(f"{record}: is no record of a split of version {VERSION}; delete it to split anew")
    return dict(known)


def _write(record: Path, table: dict[str, Any]) -> None:
    unfinished = record.with_name(f"{record.name}.{os.getpid()}.part")
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(record)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink()
        raise DataError(f"{record}: cannot be written ({error.strerror}); choose another folder") from error
