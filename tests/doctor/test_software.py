from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2
import pytest

from rimlight import assets, backends
from rimlight.doctor import software
from rimlight.errors import BackendError, WeightsError

from .test_machine import place

REQUIRES = [
    "numpy>=1.26",
    "pytest>=8; extra == 'here'",
    'no-such-package>=1; extra == "gone"',
    "pytest>=8; extra == 'dev'",
    "rimlight[gone]; extra == 'all'",
]


def test_python_and_rimlight_are_named(tmp_path: Path) -> None:
    assert software.python(place(tmp_path)).found.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert software.version(place(tmp_path)).status == "ok"


def test_weights_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert software.weights(place(tmp_path)).status == "ok"

    def damaged(_: str) -> None:
        raise WeightsError("attention.onnx is damaged: sha256 abc")

    monkeypatch.setattr(assets, "asset", damaged)
    found = software.weights(place(tmp_path))
    assert (found.status, found.found[:22]) == ("fail", "attention.onnx is dama")


def test_a_backend_says_what_it_really_runs_on(tmp_path: Path) -> None:
    found = software.backend("onnx", place(tmp_path))
    assert found.status == "ok"
    assert found.found.startswith("ONNX Runtime")


def test_a_backend_that_is_absent_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "installed", lambda _: False)
    found = software.backend("openvino", place(tmp_path))
    assert (found.status, found.fix) == ("absent", "pip install 'rimlight[openvino]'")


def test_a_backend_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise BackendError("the driver is too old")

    monkeypatch.setattr(software, "open_backend", refuses)
    found = software.backend("onnx", place(tmp_path))
    assert (found.status, found.found) == ("fail", "the driver is too old")
    assert "onnxruntime" in found.fix


@pytest.mark.parametrize(
    ("driver", "library", "said", "fix"),
    [
        (False, False, "no driver of an NVIDIA GPU, and not installed", "NVIDIA's driver"),
        (False, True, "no driver of an NVIDIA GPU", "NVIDIA's driver"),
        (True, False, "not installed", "pip install 'rimlight[tensorrt]'"),
    ],
)
def test_tensorrt_need_not_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: bool, library: bool, said: str, fix: str
) -> None:
    monkeypatch.setattr(software.tensorrt_compat, "driver_there", lambda: driver)
    monkeypatch.setattr(software, "installed", lambda _: library)
    found = software.engine("tensorrt", place(tmp_path))
    assert (found.status, found.found) == ("absent", said)
    assert fix in found.fix


def with_gpu(monkeypatch: pytest.MonkeyPatch, network: object) -> None:
    """A GPU with TensorRT, whose network is that."""
    pytest.importorskip("onnx")
    monkeypatch.setattr(software.tensorrt_compat, "driver_there", lambda: True)
    monkeypatch.setattr(software, "installed", lambda _: True)
    monkeypatch.setattr("rimlight.backends.tensorrt_network.TensorRtNetwork", network)


def test_a_gpu_with_tensorrt_is_opened_and_nothing_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Network:
        device = "TensorRT 10.13 on NVIDIA L4, f16"
        closed = False

        def __init__(self, *_: object) -> None:
            pass

        def close(self) -> None:
            Network.closed = True

    with_gpu(monkeypatch, Network)
    found = software.engine("tensorrt", place(tmp_path))
    assert (found.status, found.fix, Network.closed) == ("ok", "", True)
    assert found.found.startswith("TensorRT 10.13 on NVIDIA L4, f16; builds its engine at first use")


def test_a_gpu_that_tensorrt_cannot_use_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def network(*_: object) -> None:
        raise BackendError("cuInit failed: system not yet initialized (802); open the backend again")

    with_gpu(monkeypatch, network)
    found = software.engine("tensorrt", place(tmp_path))
    assert (found.status, found.found[:13]) == ("fail", "cuInit failed")
    assert "reinstall" not in found.fix


def test_every_backend_that_a_user_can_name_is_looked_at() -> None:
    from rimlight.doctor import sections

    looked = {check.args[0] for check in sections()["Network"] if hasattr(check, "args")}
    assert looked == set(backends.BACKENDS) - {"fake"}


def test_missing_codecs_say_what_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert software.codecs(place(tmp_path)).status == "ok"
    monkeypatch.setattr(av, "codecs_available", {"aac", "ffv1", "libx264", "libvpx-vp9"})
    found = software.codecs(place(tmp_path))
    assert found.status == "warn"
    assert "prores_ks (.mov with alpha)" in found.found


def test_missing_extras_come_with_the_pip_line(tmp_path: Path) -> None:
    found = software.extras(place(tmp_path), REQUIRES)
    assert found.found == "installed: here; missing: gone"
    assert "pip install 'rimlight[gone]'" in found.fix
    assert software.extras(place(tmp_path), REQUIRES[:2]).status == "ok"


def test_extras_of_this_installation_are_known(tmp_path: Path) -> None:
    assert "openvino" in software.extras(place(tmp_path)).found


def test_ndi_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyndilib.sender", None)
    found = software.ndi(place(tmp_path))
    assert (found.status, found.fix) == ("absent", "pip install 'rimlight[ndi]'")


@pytest.mark.parametrize(
    ("gui", "tk", "display", "status"),
    [
        ("QT5", True, True, "ok"),
        ("NONE", True, True, "ok"),
        ("NONE", False, True, "absent"),
        ("NONE", True, False, "absent"),
    ],
)
def test_windows_need_a_library_and_a_display(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gui: str, tk: bool, display: bool, status: str
) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: f"  GUI:                           {gui}\n")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object() if tk else None)
    environ = {"DISPLAY": ":0"} if display else {}
    assert software.window(place(tmp_path, environ=environ)).status == status


@pytest.mark.parametrize(
    ("platform", "spot"),
    [
        ("linux", "/usr/bin/obs"),
        ("linux", "/var/lib/flatpak/app/com.obsproject.Studio"),
        ("darwin", "/Applications/OBS.app"),
        ("win32", "/Program Files/obs-studio/bin/64bit/obs64.exe"),
    ],
)
def test_obs_is_found_where_each_system_puts_it(tmp_path: Path, platform: str, spot: str) -> None:
    assert software.obs(place(tmp_path / "empty", {"/x": ""}, platform=platform)).status == "absent"
    assert software.obs(place(tmp_path, {spot: ""}, platform=platform)).found == f"at {spot}"
