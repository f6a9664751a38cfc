"""A GPU with TensorRT, of one version or of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rimlight.backends.on_tensorrt import TensorRtBackend
from rimlight.types import Size

from ..fake_tensorrt import FLAVOURS, Fake
from ..standin.library import StandIn
from ..tensorrt_here import tensorrt_here
from .stepping import SIZE


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def fake(standin: StandIn, cache: Path) -> Iterator[Fake]:  # noqa: ARG001 - the stand-in is plugged in
    """TensorRT 10, with the engines that the tests before built."""
    with tensorrt_here("10", cache) as here:
        yield here
    assert not here.launch.errors


@pytest.fixture(params=FLAVOURS)
def each(request: pytest.FixtureRequest, standin: StandIn, cache: Path) -> Iterator[Fake]:  # noqa: ARG001
    """Each version of the library in turn."""
    with tensorrt_here(request.param, cache) as here:
        yield here
    assert not here.launch.errors


@pytest.fixture
def opened() -> Iterator[Callable[..., TensorRtBackend]]:
    """Opens backends in float32; closes them all at the end."""
    found: list[TensorRtBackend] = []

    def opens(size: Size = SIZE, batch: int = 1, **options: Any) -> TensorRtBackend:
        found.append(TensorRtBackend(size, batch, **{"precision": "f32", **options}))
        return found[-1]

    yield opens
    for backend in found:
        backend.close()
