"""A GPU for tests: the real one where there is one, otherwise a stand-in for NVIDIA's driver library.

The bindings (cuda-python, pycuda) are the real ones either way.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import rimlight.gpu.compile
from rimlight.gpu import BINDINGS, Driver, installed, open_driver
from rimlight.gpu.compile import compile_kernels
from rimlight.gpu.resources import Module, Stream
from tests.conftest import need

from .standin.library import StandIn, StandInCompiler, real_driver, standin_here


@pytest.fixture(scope="session")
def standin_library() -> StandIn | None:
    """The stand-in, loaded in the driver's place; None where the real driver is."""
    compilers = sys.platform == "linux" and shutil.which("gcc") and shutil.which("g++")
    need("gpu-standin", real_driver() or bool(compilers), "no gcc and g++ here to build a stand-in for NVIDIA's driver")
    return standin_here()


@pytest.fixture
def device(
    standin_library: StandIn | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[StandIn | None]:
    """A device to open: the stand-in, plugged in and with its kernels compiled, or None for the real one."""
    monkeypatch.setattr(rimlight.gpu.compile, "cache_folder", lambda: tmp_path / "kernels")
    if standin_library is None:
        yield None
        return
    monkeypatch.setattr(rimlight.gpu.compile, "find_compiler", StandInCompiler)
    with standin_library.plugged() as library:
        yield library
    assert not library.overruns, "a kernel or copy wrote outside of its buffer"


@pytest.fixture
def standin(device: StandIn | None) -> StandIn:
    """For tests that set or read what only the stand-in has."""
    if device is None:
        pytest.skip("a real GPU is here, and its driver is not the stand-in")
    return device


@pytest.fixture(params=BINDINGS)
def binding(request: pytest.FixtureRequest) -> str:
    """The name of each binding."""
    name: str = request.param
    need(name, installed(name), f"{name} is not installed")
    return name


@pytest.fixture
def driver(binding: str, device: StandIn | None) -> Iterator[Driver]:
    """An open driver, of each binding in turn; what a test makes with it must be given back by close()."""
    driver = open_driver(binding)
    yield driver
    driver.close()
    if device is not None:
        assert not device.held, f"close() left behind: {device.held}"


@pytest.fixture
def stream(driver: Driver) -> Stream:
    """A stream of that driver."""
    return driver.stream()


@pytest.fixture
def kernels(driver: Driver) -> Module:
    """The kernels of the package on that driver."""
    return compile_kernels(driver)
