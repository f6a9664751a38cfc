"""Which binding opens which GPU, and what is said where there is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

import rimlight.gpu
from rimlight.errors import BackendError, MissingExtraError
from rimlight.gpu import open_driver

from .standin.library import StandIn


def test_without_a_gpu_it_says_so(binding: str, standin: StandIn) -> None:
    standin.state.plugged = 0
    with pytest.raises(BackendError, match=r"\(100\); no NVIDIA GPU is here"):
        open_driver(binding)


@pytest.mark.usefixtures("device")
def test_a_gpu_of_another_number_is_not_there(binding: str) -> None:
    with pytest.raises(BackendError, match=r"no GPU of that number; nvidia-smi -L lists them"):
        open_driver(binding, device=77)


def test_an_unknown_binding_is_an_error() -> None:
    with pytest.raises(BackendError, match="no binding 'cupy' to NVIDIA's driver; there are auto, cuda-python, pycuda"):
        open_driver("cupy")


@pytest.mark.parametrize(("name", "extra"), [("cuda-python", "tensorrt"), ("pycuda", "pycuda"), ("auto", "tensorrt")])
def test_a_binding_that_is_not_installed_names_its_extra(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rimlight.gpu, "installed", lambda _: False)
    with pytest.raises(MissingExtraError, match=rf"pip install 'rimlight\[{extra}\]'"):
        open_driver(name)


@pytest.mark.usefixtures("device")
def test_auto_takes_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in filter(rimlight.gpu.installed, rimlight.gpu.BINDINGS):
        monkeypatch.setattr(rimlight.gpu, "installed", lambda other, name=name: other == name)
        driver = open_driver()
        assert driver.name == name
        driver.close()


def test_without_a_driver_it_says_so(binding: str, standin_library: StandIn | None) -> None:
    if standin_library is None:
        pytest.skip("a real driver is here")
    code = f"""
from rimlight.errors import BackendError
from rimlight.gpu import open_driver
try:
    open_driver({binding!r})
except BackendError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("NVIDIA's driver cannot be loaded (")
    assert done.stdout.endswith("install the driver of the GPU, or choose another --backend\n")
    assert done.stderr == ""


def test_no_binding_is_imported_before_a_driver_is_opened() -> None:
    code = "import sys, rimlight.gpu.compile; assert not {'cuda', 'pycuda'} & set(sys.modules), 'imported'"
    subprocess.run([sys.executable, "-c", code], check=True)
