"""The files under packaging/, judged by the programs that will read them, and the wheel, by what is in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

from rimlight.realtime.sinks.virtualcam import MODPROBE
from tests.conftest import ROOT, need

PACKAGING = ROOT / "packaging"


def judged(program: str, *arguments: str, **environment: str) -> str:
    """What a program complains of; skips where it is not installed."""
    need(program, shutil.which(program) is not None, f"{program} is not installed")
    done = subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    return done.stdout + done.stderr or ("" if done.returncode == 0 else f"exit status {done.returncode}")


def test_systemd_accepts_the_service(tmp_path: Path) -> None:
    unit = str(PACKAGING / "rimlight.service")
    assert judged("systemd-analyze", "verify", "--user", unit, XDG_RUNTIME_DIR=str(tmp_path)) == ""


def test_the_service_may_still_open_video_devices() -> None:
    settings = (PACKAGING / "rimlight.service").read_text().split("[Service]")[1]
    set_here = {line.partition("=")[0] for line in settings.splitlines() if not line.startswith("#")}
    assert not set_here & {"PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectProc", "MemoryDenyWriteExecute"}


def test_desktops_accept_the_entry() -> None:
    assert judged("desktop-file-validate", str(PACKAGING / "rimlight.desktop")) == ""


def test_the_modules_options_are_those_that_the_sink_advises() -> None:
    lines = (PACKAGING / "v4l2loopback" / "modprobe.d" / "rimlight.conf").read_text().splitlines()
    (options,) = [line for line in lines if line.startswith("options v4l2loopback ")]
    advised = MODPROBE.split("modprobe v4l2loopback ")[1].split()
    assert set(advised) < set(options.split())


def test_the_commands_in_them_are_commands_of_rimlight() -> None:
    from rimlight.cli import cli

    for name, key in (("rimlight.service", "ExecStart="), ("rimlight.desktop", "Exec=")):
        (line,) = [line for line in (PACKAGING / name).read_text().splitlines() if line.startswith(key)]
        words = line.split(" rimlight " if "/env" in line else "rimlight ")[1].split()
        command = cli.commands[words[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_the_wheel_holds_all_that_is_no_python_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("hatchling", find_spec("hatchling") is not None, "hatchling is not installed")
    from hatchling import build

    monkeypatch.chdir(ROOT)
    held = set(ZipFile(tmp_path / build.build_wheel(str(tmp_path))).namelist())
    assert {"rimlight/gpu/kernels/full.cu", "rimlight/gpu/kernels/picture.h"} <= held
    package = ROOT / "rimlight"
    left_out = ("__pycache__", ".pyc")
    wanted = {path.relative_to(ROOT).as_posix() for path in package.rglob("*") if path.is_file()}
    assert {name for name in wanted - held if not any(part in name for part in left_out)} == set()
