"""A process counts the processors it may use, not those of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rimlight.kernels.processors import processors


def usable() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(("text", "share"), [("50000 100000", 0.5), ("75000 50000", 1.5), ("10000 20000\n", 0.5)])
def test_the_quota_of_a_container_counts(tmp_path: Path, text: str, share: float) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(text)
    assert processors(quota) == min(share, usable())


@pytest.mark.parametrize("text", ["max 100000\n", "", "a b", "99900000 100000"])
def test_without_a_quota_all_that_may_be_used_count(tmp_path: Path, text: str) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(text)
    assert processors(quota) == usable()


def test_without_the_file_all_that_may_be_used_count(tmp_path: Path) -> None:
    assert processors(tmp_path / "none") == usable()
