"""The editor is reached where it was before, so that a page whose strokes wait finds it again."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
import webbrowser
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from rimlight.errors import ConfigError
from rimlight.studio.edit.address import Address, address_file, keep_address, listen, read_address
from rimlight.studio.edit.run import _show

from .films import write_film

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def before() -> Address:
    server, token = listen(0, None, None)
    with server:
        return Address(server.getsockname()[1], token)


def test_an_editor_that_is_started_again_has_the_address_it_had(before: Address) -> None:
    for port in (0, before.port):
        server, token = listen(port, None, before)
        with server:
            assert Address(server.getsockname()[1], token) == before


def test_where_another_has_the_port_the_key_is_a_new_one(before: Address) -> None:
    with socket.create_server(("127.0.0.1", before.port)):
        server, token = listen(0, None, before)
        with server:
            assert server.getsockname()[1] != before.port
            assert token != before.token
        with pytest.raises(ConfigError, match="choose --port"):
            listen(before.port, None, before)


def test_a_token_that_is_given_is_taken(before: Address) -> None:
    server, token = listen(0, "given" * 5, before)
    server.close()
    assert token == "given" * 5


def test_an_address_is_kept_for_its_project_alone_and_for_nobody_else_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: Address
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    file = address_file(tmp_path / "in.mp4.studio.json")
    assert read_address(file) is None
    keep_address(file, before)
    keep_address(file, before)
    assert read_address(file) == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert address_file(tmp_path / "other.json") != file
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"port": "x", "token": "y"}'])
def test_a_damaged_address_counts_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "studio.json"
    file.write_text(text)
    assert read_address(file) is None


def test_the_same_command_after_a_kill_prints_the_same_address(tmp_path: Path) -> None:
    video = write_film(tmp_path / "in.mp4", 3)
    command = [sys.executable, "-m", "tests.studio.editor_process", str(video), "0", ""]
    heard = []
    for _ in range(2):
        place = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
        with subprocess.Popen(command, cwd=ROOT, env=place, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            heard.append(process.stdout.readline())
            process.kill()
    assert heard[0] == heard[1]
    assert "#token=" in heard[0]


def test_a_browser_that_stays_open_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, closed, said = threading.Event(), threading.Event(), list[str]()

    def stays(_: str) -> bool:
        begun.set()
        return closed.wait(20)

    monkeypatch.setattr(webbrowser, "open", stays)
    _show("http://127.0.0.1:1/", True, said.append)
    assert begun.wait(20)
    assert not closed.is_set()
    closed.set()
    assert said == ["open http://127.0.0.1:1/"]
