"""Without PyTorch there is no network to test."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("torch") and find_spec("safetensors") else ["test_*.py"]


@pytest.fixture(autouse=True)
def same_random_weights() -> Iterator[None]:
    """Networks are drawn anew in every test, always the same."""
    if not find_spec("torch"):
        yield
        return
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
