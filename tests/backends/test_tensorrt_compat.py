"""What the code asks of each version of TensorRT, and what it says where there is none or the wrong one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rimlight import backends, gpu
from rimlight.backends import tensorrt_compat as compat
from rimlight.errors import BackendError, MissingExtraError

from ..gpu.fake_tensorrt import Fake

NAMES = [name for names in compat.MODULES.values() for name in names]


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No TensorRT is installed."""
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    real = compat.find_spec
    monkeypatch.setattr(compat, "find_spec", lambda name: None if name in NAMES else real(name))
    compat._loaded.cache_clear()
    yield monkeypatch
    compat._loaded.cache_clear()


def library_of(flavour: str) -> compat.Library:
    fake = Fake(flavour)
    kind: compat.Kind = "tensorrt-rtx" if flavour == "rtx" else "tensorrt"
    return compat.Library(fake.module, kind, fake.flavour.version)


@pytest.mark.parametrize(
    ("flavour", "weak", "typed", "progress"),
    [("8.6", True, False, False), ("10", True, True, True), ("11", False, True, True), ("rtx", False, True, True)],
)
def test_each_version_is_known_by_what_it_has(flavour: str, weak: bool, typed: bool, progress: bool) -> None:
    library = library_of(flavour)
    assert (library.weak_types, library.typed, library.progress) == (weak, typed, progress)


def test_only_rtx_builds_for_gpus_that_are_not_there() -> None:
    assert library_of("rtx").capabilities == ("7.5", "8.0", "8.6", "8.9", "12.0")
    for flavour in ("8.6", "10", "11"):
        assert not library_of(flavour).targets


def test_a_version_without_any_typed_flag_is_typed_where_it_has_no_weak_types() -> None:
    library = library_of("11")
    library.module.NetworkDefinitionCreationFlag = object
    assert library.typed


def test_tensorrt_comes_before_rtx(nothing: pytest.MonkeyPatch) -> None:
    nothing.setitem(sys.modules, "tensorrt_rtx_bindings", Fake("rtx").module)
    assert compat.library().kind == "tensorrt-rtx"
    nothing.setitem(sys.modules, "tensorrt", Fake("10").module)
    assert str(compat.library()) == "TensorRT 10.13.3.9"
    assert compat.library("tensorrt-rtx").version == "1.7.1.116"


@pytest.mark.usefixtures("nothing")
def test_a_missing_tensorrt_names_extra_and_versions() -> None:
    assert not compat.installed()
    with pytest.raises(MissingExtraError, match=r"needs TensorRT 8\.6, 10\.x or 11\.x.*rimlight\[tensorrt\]"):
        compat.library()
    with pytest.raises(MissingExtraError, match=r"needs TensorRT-RTX 1\.x.*rimlight\[tensorrt-rtx\]"):
        compat.library("tensorrt-rtx")
    with pytest.raises(MissingExtraError, match="tensorrt"):
        backends.chosen("tensorrt")


def test_a_tensorrt_that_is_too_old_is_refused(nothing: pytest.MonkeyPatch) -> None:
    old = Fake("8.6").module
    old.__version__ = "8.5.3.1"
    nothing.setitem(sys.modules, "tensorrt", old)
    with pytest.raises(BackendError, match=r"TensorRT 8\.5\.3\.1 is too old, expected 8\.6, 10\.x or 11\.x"):
        compat.library()


def test_a_tensorrt_without_its_libraries_says_so(
    nothing: pytest.MonkeyPatch, tmp_path: Path
) -> None:  # fmt: skip
    (tmp_path / "tensorrt.py").write_text("raise FileNotFoundError('libnvinfer.so.10')")
    nothing.undo()
    compat._loaded.cache_clear()
    nothing.syspath_prepend(str(tmp_path))
    nothing.delitem(sys.modules, "tensorrt", raising=False)
    with pytest.raises(BackendError, match=r"installed but cannot be loaded: libnvinfer\.so\.10"):
        compat.library("tensorrt")


def test_auto_takes_tensorrt_only_where_library_binding_and_gpu_are_there(
    nothing: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usual = backends.fastest()
    assert usual != "tensorrt"
    nothing.setitem(sys.modules, "tensorrt", Fake("10").module)
    nothing.setattr(gpu, "installed", lambda name: name == "pycuda")
    device = tmp_path / "nvidiactl"
    nothing.setattr(compat, "DEVICES", (str(device),))
    assert backends.chosen("auto") == usual
    device.touch()
    assert backends.chosen("auto") == ("tensorrt" if sys.platform != "win32" else usual)
    nothing.setattr(gpu, "installed", lambda _: False)
    assert backends.chosen("auto") == usual


def test_looking_for_tensorrt_imports_nothing(nothing: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tensorrt.py").write_text("raise AssertionError('imported')")
    nothing.undo()
    nothing.syspath_prepend(str(tmp_path))
    nothing.delitem(sys.modules, "tensorrt", raising=False)
    assert compat.installed("tensorrt")
    assert backends.installed("tensorrt")
    compat.ready()
