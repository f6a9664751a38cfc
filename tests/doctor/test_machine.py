from __future__ import annotations

import os
from pathlib import Path

import pytest

from rimlight.doctor import machine
from rimlight.doctor.check import Place
from rimlight.doctor.machine import DEVICES, EFI, LOADED, SECURE_BOOT

RELEASE = "6.1.0-test"


def place(root: Path, files: dict[str, str | bytes] | None = None, **fields: object) -> Place:
    """A Linux machine whose file system holds these files."""
    for name, content in (files or {}).items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    usual: dict[str, object] = {
        "platform": "linux", "release": RELEASE, "environ": {"USER": "ann"}, "home": root / "home/ann",
        "groups": frozenset(), "is_root": False,
    }  # fmt: skip
    return Place(root, **(usual | fields))  # type: ignore[arg-type]


def loaded(caps: str, *numbers: int) -> dict[str, str | bytes]:
    devices = {f"{DEVICES}/video{number}/name": "rimlight\n" for number in numbers}
    return {f"{LOADED}/version": "0.12.7\n", f"{LOADED}/parameters/exclusive_caps": caps, **devices}


def test_a_loaded_module_with_exclusive_caps_is_fine(tmp_path: Path) -> None:
    found = machine.loopback(place(tmp_path, loaded("Y,N,N,N\n", 10)))
    assert (found.status, found.fix) == ("ok", "")
    assert found.found == "0.12.7, loaded: /dev/video10 'rimlight', exclusive_caps=1"


@pytest.mark.parametrize(("caps", "numbers"), [("N,N,N\n", (10,)), ("Y,N,N\n", (10, 11)), ("", (10,))])
def test_a_device_that_browsers_do_not_list_is_a_warning(tmp_path: Path, caps: str, numbers: tuple[int, ...]) -> None:
    found = machine.loopback(place(tmp_path, loaded(caps, *numbers)))
    assert found.status == "warn"
    assert "exclusive_caps=1" in found.fix


def test_a_module_without_a_device_is_a_warning(tmp_path: Path) -> None:
    found = machine.loopback(place(tmp_path, loaded("Y\n")))
    assert found.status == "warn"
    assert "no device" in found.found


@pytest.mark.parametrize("where", ["updates/dkms/v4l2loopback.ko.xz", "extra/v4l2loopback.ko", "modules.dep"])
def test_a_module_that_is_not_loaded_is_to_be_loaded(tmp_path: Path, where: str) -> None:
    found = machine.loopback(place(tmp_path, {f"/lib/modules/{RELEASE}/{where}": "updates/v4l2loopback.ko:"}))
    assert found.status == "warn"
    assert found.fix.startswith("sudo modprobe v4l2loopback")


def test_a_module_of_another_kernel_does_not_count(tmp_path: Path) -> None:
    found = machine.loopback(place(tmp_path, {"/lib/modules/5.0/updates/v4l2loopback.ko": ""}))
    assert found.status == "absent"
    assert RELEASE in found.found
    assert "install" in found.fix


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"\x06\0\0\0\x01", "warn"), (b"\x06\0\0\0\x00", "ok"), (b"", "ok"), (None, "ok")],
)
def test_secure_boot_is_read_from_the_firmware(tmp_path: Path, content: bytes | None, status: str) -> None:
    files: dict[str, str | bytes] = {f"{EFI}/fw_platform_size": "64"}
    if content is not None:
        files[SECURE_BOOT] = content
    found = machine.secure_boot(place(tmp_path, files))
    assert found.status == status
    assert ("mokutil" in found.fix) == (status == "warn")


def test_without_efi_own_modules_load(tmp_path: Path) -> None:
    assert "no EFI" in machine.secure_boot(place(tmp_path)).found


@pytest.mark.parametrize("look", ["is_dir", "is_file", "read_bytes"])
def test_firmware_that_may_not_be_read_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: str) -> None:
    there = place(tmp_path, {SECURE_BOOT: b"\x06\0\0\0\x01"})

    def refused(_: Path) -> None:
        raise PermissionError("not from here")

    monkeypatch.setattr(Path, look, refused)
    assert machine.secure_boot(there).status == "ok"


def test_a_camera_that_may_not_be_opened_fails_with_the_way_in(tmp_path: Path) -> None:
    found = machine.rights(place(tmp_path, {"/dev/video0": ""}, may_open=lambda _: False))
    assert found.status == "fail"
    assert "/dev/video0" in found.found
    assert "usermod -aG video ann" in found.fix


@pytest.mark.parametrize(
    ("files", "fields", "status"),
    [
        ({"/dev/video0": ""}, {"may_open": lambda _: True}, "ok"),
        ({}, {"groups": frozenset({"video"})}, "ok"),
        ({}, {}, "warn"),
        ({}, {"is_root": True}, "ok"),
        ({}, {"platform": "darwin"}, "ok"),
    ],
)
def test_rights_are_what_can_be_opened(
    tmp_path: Path, files: dict[str, str | bytes], fields: dict[str, object], status: str
) -> None:
    assert machine.rights(place(tmp_path, files, **fields)).status == status


def test_a_cache_that_may_not_be_written_says_what_that_costs(tmp_path: Path) -> None:
    assert machine.caches(place(tmp_path, may_write=lambda _: True)).status == "ok"
    found = machine.caches(place(tmp_path, may_write=lambda _: False))
    assert found.status == "warn"
    assert "compiled anew" in found.found
    (tmp_path / "file").touch()
    blocked = machine.caches(place(tmp_path, environ={"XDG_CACHE_HOME": str(tmp_path / "file")}))
    assert blocked.status == "warn"


@pytest.mark.parametrize(
    ("flags", "status", "said"),
    [(["sse"], "warn", ""), (["avx2", "avx512_bf16"], "ok", ""), (["avx2"], "ok", "twice"), ([], "ok", "no flags")],
)
def test_the_processor_is_judged_by_its_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], status: str, said: str
) -> None:
    monkeypatch.setattr(machine, "cpu_flags", lambda: flags)
    found = machine.processor(place(tmp_path))
    assert found.status == status
    assert said in found.found


def with_gpu(folder: Path, answer: str, code: int = 0) -> Place:
    """A machine whose nvidia-smi says that."""
    program = folder / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf '{answer}'\nexit {code}\n")
    program.chmod(0o755)
    return place(folder, environ={"PATH": str(program.parent)})


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
@pytest.mark.parametrize(
    ("there", "status", "says"),
    [
        ((), "warn", "nothing here uses it"),
        (("torch",), "ok", "--backend torch --device cuda keeps"),
        (("tensorrt", "torch"), "ok", "--backend tensorrt or --backend torch --device cuda keeps"),
    ],
)
def test_a_gpu_is_named_with_what_uses_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: tuple[str, ...], status: str, says: str
) -> None:
    monkeypatch.setattr(machine, "installed", lambda name: name in there)
    found = machine.gpu(with_gpu(tmp_path, "NVIDIA L4, 580.1, 23034 MiB, 300 MHz, 2040 MHz, 40, 12 W\\n"))
    assert found.status == status
    assert found.found.startswith("NVIDIA L4, 23034 MiB, driver 580.1; ")
    assert says in found.found
    assert bool(found.fix) == (status == "warn")


@pytest.mark.skipif(os.name == "nt", reason="the program is a shell script")
@pytest.mark.parametrize(("answer", "code"), [("", 9), ("No devices were found\\n", 0)])
def test_a_driver_without_a_gpu_is_none(tmp_path: Path, answer: str, code: int) -> None:
    assert machine.gpu(with_gpu(tmp_path, answer, code)).status == "absent"
    assert machine.gpu(place(tmp_path, environ={})).status == "absent"
