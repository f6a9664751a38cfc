"""Lets rimlight be imported on a machine that lacks packages which nothing there needs: import this first.

numba becomes one that compiles nothing, so that the host's kernels run as they are written, slowly; PyAV and tqdm
become placeholders that hold names and do nothing. Where the packages are installed, they are what they are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType, SimpleNamespace
from typing import Any

NAMES = ("numba", "av", "tqdm")


class Placeholder(ModuleType):
    """Every name that is asked for is an exception of that name: it can be raised, caught, and subclassed."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = type(name, (Exception,), {})
        setattr(self, name, found)
        return found


class Absent(MetaPathFinder, Loader):
    """Finds NAMES and what is in them."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] in NAMES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Placeholder(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == "numba":
            module.__version__ = "0"  # type: ignore[attr-defined]
            module.config = SimpleNamespace(CACHE_DIR="")  # type: ignore[attr-defined]
            module.njit = lambda **_: lambda function: function  # type: ignore[attr-defined]


def lacking() -> list[str]:
    """Those of NAMES that are not installed."""
    return [name for name in NAMES if PathFinder.find_spec(name) is None]


sys.meta_path.append(Absent())  # asked last: only for what is not there

if __name__ == "__main__":
    print(*lacking())
