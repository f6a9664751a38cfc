"""TensorRT for the contract suites, on stand-ins for the GPU and for the library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..gpu.conftest import device, standin, standin_library
from ..gpu.standin.library import StandIn
from ..gpu.tensorrt_here import tensorrt_here

__all__ = ["device", "standin", "standin_library"]


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where engines are kept from test to test."""
    return tmp_path_factory.mktemp("engines")


@pytest.fixture
def tensorrt(standin: StandIn, engines: Path) -> Iterator[None]:
    """TensorRT and a GPU are there."""
    assert standin.state.plugged
    with tensorrt_here("10", engines) as fake:
        yield
    assert not fake.launch.errors
