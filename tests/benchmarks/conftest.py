"""Footage of the tests lies in the tests' own folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rimlight.benchmarks import footage


@pytest.fixture(scope="session", autouse=True)
def own_footage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("footage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(footage, "_folder", lambda: folder)
        yield
