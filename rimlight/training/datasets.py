"""Data sets as the command line names them, LAYOUT:FOLDER, and their items for training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rimlight.errors import DataError
from rimlight.training.data import registry
from rimlight.training.data.items import Item
from rimlight.training.data.layouts import folder, packed
from rimlight.training.data.manifest import split_recorded
from rimlight.training.data.splits import Split, split


def named(text: str) -> tuple[str, Path, Path | None]:
    """Layout, folder and file of names of LAYOUT:FOLDER or LAYOUT:FOLDER@NAMES.

    NAMES is a text file of the items that are wanted, such as the people of a set that has other things too. A folder
    alone is taken for packed data where it holds tar files or sub-folders as packed data does, and for any
    folder of pictures otherwise. Raises DataError if there is no such folder.
    """
    layout, sign, rest = text.partition(":")
    if not sign or layout not in registry.LAYOUTS:
        layout, rest = "", text
    root, names = Path(rest), None
    if not root.is_dir() and "@" in rest:
        before, _, after = rest.rpartition("@")
        root, names = Path(before), Path(after)
    if names is not None and not names.is_file():
        raise DataError(f"there is no file of names {names}, as {text!r} says")
    if not root.is_dir():
        known = ", ".join(sorted(registry.LAYOUTS))
        raise DataError(f"expected a folder, or LAYOUT:FOLDER with a layout of {known}, got {text!r}")
    if not layout:
        parts = [*root.glob("*.tar"), *(root / name for name in packed.FOLDERS.values() if (root / name).is_dir())]
        layout = packed.LAYOUT if parts else folder.LAYOUT
    return layout, root, names


def items_of(texts: Sequence[str], part: Split | None = None) -> list[Item]:
    """All items of the data sets, or those of one part of each; raises DataError where a key comes twice."""
    found = []
    for text in texts:
        layout, root, names = named(text)
        items = registry.find(layout, root, names)
        found.append((text, items if part is None else split(items, layout)[part]))
    return _distinct(found)


def for_training(texts: Sequence[str], run: Path) -> list[Item]:
    """The items that the data sets keep for training; what the others are is recorded in run/split-LAYOUT.json.

    Raises DataError where a data set is not what it was when the run began.
    """
    chosen = []
    seen: dict[str, int] = {}
    for text in texts:
        layout, root, names = named(text)
        seen[layout] = seen.get(layout, 0) + 1
        number = f"-{seen[layout]}" if seen[layout] > 1 else ""
        divided = split_recorded(registry.find(layout, root, names), layout, run / f"split-{layout}{number}.json")
        chosen.append((text, divided["train"]))
    return _distinct(chosen)


def _distinct(sets: Sequence[tuple[str, list[Item]]]) -> list[Item]:
    owners: dict[str, str] = {}
    for text, items in sets:
        for item in items:
            if item.key in owners:
                raise DataError(f"{item.key} is in {owners[item.key]} and in {text}; name each data set once")
            owners[item.key] = text
    return [item for _, items in sets for item in items]
