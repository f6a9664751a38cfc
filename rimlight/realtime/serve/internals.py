"""Parts of aiortc that are adjusted but not of its public interface: whether they are there, and their exchange."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from importlib import import_module
from types import ModuleType

import aiortc

from rimlight.errors import RimlightError

FITS = "aiortc>=1.15,<1.17"  # with which the adjustments were tested


class InternalsError(RimlightError):
    """The installed aiortc lacks a part that is to be adjusted."""


def check_internals(names: Iterable[str]) -> None:
    """Raise InternalsError unless all are there; a name is a module, a colon and a path inside it."""
    missing = [name for name in names if not _there(name)]
    if missing:
        lacks = ", ".join(missing)
        raise InternalsError(f"aiortc {aiortc.__version__} lacks {lacks}; run: pip install '{FITS}'")


def swap(owner: ModuleType | type, name: str, value: object) -> object:
    """Put value in place of what a module or class has under that name, and return what was there."""
    before: object = vars(owner)[name]
    setattr(owner, name, value)
    return before


def _there(name: str) -> bool:
    module, _, path = name.partition(":")
    try:
        reduce(getattr, path.split("."), import_module(module))
    except (ImportError, AttributeError):
        return False
    return True
