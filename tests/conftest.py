"""Fixtures for data beside the checkout, and the switch that turns skips into failures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REQUIRED = {name.strip() for name in os.environ.get("RIMLIGHT_REQUIRE", "").split(",") if name.strip()}


def need(name: str, present: bool, reason: str) -> None:
    """Skip with the reason where something is absent, or fail where RIMLIGHT_REQUIRE names it."""
    if present:
        return
    if name in REQUIRED:
        pytest.fail(f"RIMLIGHT_REQUIRE={name}, but {reason}")
    pytest.skip(reason)


@pytest.fixture(autouse=True, scope="session")
def nothing_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests see neither the user's configuration nor the streams that he runs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of clips, test composites and golden files beside the checkout."""
    folder = Path(os.environ.get("RIMLIGHT_SHARED", ROOT.parent / "shared"))
    there = (folder / "clips").is_dir()
    need("shared", there, f"no folder with clips/ and data/ at {folder.name}/ beside the checkout")
    return folder
