from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rimlight.errors import ControlError
from rimlight.realtime.control.client import ask, running
from rimlight.realtime.control.runtime import publish, published, runtime_folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "rimlight"


def ended() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def left_behind(folder: Path, text: str, pid: int | str = 1) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"live-{pid}.json"
    path.write_text(text)
    return path


def test_what_is_published_is_found() -> None:
    address = publish(4321, "secret")
    assert published() == [address]
    assert running() == running(os.getpid()) == address
    assert address.path.stat().st_mode & 0o777 == 0o600


def test_without_a_runtime_folder_it_is_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert runtime_folder() == tmp_path / "cache" / "rimlight" / "run"
    assert runtime_folder().stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_enter_is_closed(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    assert runtime_folder().stat().st_mode & 0o777 == 0o700


def test_a_link_in_the_folders_place_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ControlError, match="not a folder of yours"):
        publish(4321, "secret")


def test_nothing_running_says_how_to_start() -> None:
    with pytest.raises(ControlError, match="no live stream runs; start one"):
        running()
    with pytest.raises(ControlError, match="runs in process 77"):
        running(77)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 9000, '{"pid": 1}', '{"pid": "x", "port": 1, "token": ""}'])
def test_a_damaged_file_is_removed(folder: Path, text: str) -> None:
    path = left_behind(folder, text)
    assert published() == []
    assert not path.exists()


def test_the_file_of_a_process_that_ended_is_removed(folder: Path) -> None:
    pid = ended()
    path = left_behind(folder, json.dumps({"pid": pid, "port": 4321, "token": "x"}), pid)
    with pytest.raises(ControlError, match="no live stream runs"):
        running()
    assert not path.exists()


def test_a_file_whose_port_nobody_listens_on_is_removed() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = publish(free.getsockname()[1], "x")  # bound, but not listening
        with pytest.raises(ControlError, match="no live stream any more"):
            ask(address)
    assert not address.path.exists()


def test_among_several_one_has_to_be_chosen(folder: Path) -> None:
    publish(4321, "x")
    left_behind(folder, json.dumps({"pid": os.getppid(), "port": 4322, "token": "y"}), os.getppid())
    with pytest.raises(ControlError, match=f"choose one: .*--pid {os.getpid()}"):
        running()
    assert running(os.getppid()).port == 4322
