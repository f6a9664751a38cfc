"""Data sets by name: which layouts there are, and the items of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from rimlight.errors import DataError
from rimlight.training.data.items import Item
from rimlight.training.data.layouts import (
    aisegment,
    common,
    composition1k,
    dvm,
    folder,
    p3m10k,
    packed,
    videomatte240k,
    videomatting108,
)

Finder = Callable[[Path], list[Item]]

LAYOUTS: dict[str, Finder] = {
    module.LAYOUT: module.find
    for module in (aisegment, composition1k, videomatte240k, videomatting108, p3m10k, dvm, folder, packed)
}


def find(layout: str, root: Path, names: Path | None = None) -> list[Item]:
    """Items of the data set at root, always in the same order.

    names: a text file with one name per line, of those items that are wanted (people among other things); a line is the
    end of a key, with or without suffix; empty lines and those that start with # do not count.
    Raises DataError for an unknown layout, missing or half data, and names that are not there.
    """
    if layout not in LAYOUTS:
        raise DataError(f"expected a layout out of {', '.join(LAYOUTS)}, got {layout!r}")
    items = LAYOUTS[layout](root)
    seen: dict[str, Item] = {}
    for item in items:
        if item.key in seen:
            raise DataError(f"{item.images[0]}: has the same name as {seen[item.key].images[0]}; rename one of them")
        seen[item.key] = item
    return items if names is None else only(items, _wanted(names), names)


def only(items: list[Item], wanted: Iterable[str], source: Path) -> list[Item]:
    """Those of the items that are wanted, in their order; raises DataError where a name fits none of them."""
    left = dict.fromkeys(wanted)
    chosen = []
    for item in items:
        ends = _ends(item.key)
        if any(name in left for name in ends):
            chosen.append(item)
    unknown = left.keys() - {end for item in chosen for end in _ends(item.key)}
    if unknown or not chosen:
        first = min(unknown, default="no name at all")
        raise DataError(f"{source}: {first}{common.others(len(unknown))} is not in the data set; correct the list")
    return chosen


def _ends(key: str) -> list[str]:
    parts = key.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _wanted(names: Path) -> list[str]:
    try:
        lines = [line.strip() for line in names.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{names}: cannot be read ({error}); give a text file with a name on each line") from error
    known = common.PICTURES | common.VIDEOS
    plain = [line for line in lines if line and not line.startswith("#")]
    return [line[: -len(Path(line).suffix)] if Path(line).suffix.lower() in known else line for line in plain]
