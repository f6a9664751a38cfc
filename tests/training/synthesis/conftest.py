"""A pool of tiny drawn pictures, one item of every kind and some more."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rimlight.training.data.items import Item

from .made import items_at

if TYPE_CHECKING:
    from rimlight.training.synthesis.pool import Pool

collect_ignore_glob = [] if find_spec("torch") else ["test_*.py"]


@pytest.fixture(scope="session")
def items(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Item]:
    """Items of all kinds, in files."""
    root: Path = tmp_path_factory.mktemp("synthesis")
    return items_at(root)


@pytest.fixture(scope="session")
def pool(items: Sequence[Item]) -> Pool:
    from rimlight.training.synthesis.pool import Pool

    return Pool(items, threads=1)
