"""The server on the loopback device, with requests as a friend, a web page and an attacker would send them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rimlight.errors import ControlError
from rimlight.realtime.control import server as module
from rimlight.realtime.control.changes import Controls
from rimlight.realtime.control.client import ask, running
from rimlight.realtime.control.server import MOST_AT_ONCE, MOST_BYTES, ControlServer

from .streams import PATIENCE_S, going, resting

LATER = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        with ControlServer(Controls(resting())) as server:
            yield server


def send(server: ControlServer, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    """Status and JSON of the answer; headers that are "" are left out."""
    address = server.address
    given = {"Authorization": f"Bearer {address.token}", "Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    connection = HTTPConnection("127.0.0.1", address.port, timeout=PATIENCE_S)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in given.items():
            if value:
                connection.putheader(name, value)
        connection.endheaders()
        connection.send(body)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def raw(server: ControlServer, data: bytes) -> bytes:
    """What comes back for these bytes and an end."""
    with socket.create_connection(("127.0.0.1", server.address.port), timeout=PATIENCE_S) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65536):
            found += part
    return found


def healthy(server: ControlServer) -> bool:
    return "state" in ask(server.address)


def test_the_status_comes_with_the_token(server: ControlServer) -> None:
    code, values = send(server, "GET", "/status")
    assert code == 200
    assert (values["state"], values["quality"]) == ("cover", 96)


def test_a_change_is_made_and_told(server: ControlServer) -> None:
    code, values = send(server, "POST", "/set", b'{"mirror": true, "blur": 0.25}')
    assert (code, values["mirror"], values["backdrop"]) == (200, True, "blur:0.25")


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer x", "Basic x", "Bearer \xff", "x" * 1000])
def test_without_the_token_nobody_gets_anything(server: ControlServer, token: str) -> None:
    code, values = send(server, "GET", "/status", Authorization=token)
    assert code == 401
    assert set(values) == {"error"}
    assert server.address.token not in values["error"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1"])
def test_a_web_page_is_refused_even_with_the_token(server: ControlServer, origin: str) -> None:
    assert send(server, "POST", "/set", b"{}", Origin=origin)[0] == 403


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.1", "127.0.0.1:1", "localhost:x"])
def test_a_name_that_was_made_to_lead_here_is_refused(server: ControlServer, host: str) -> None:
    assert send(server, "GET", "/status", Host=host)[0] == 403


def test_localhost_is_a_name_of_this_machine(server: ControlServer) -> None:
    assert send(server, "GET", "/status", Host=f"localhost:{server.address.port}")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", 404), ("GET", "/status/../set", 404), ("GET", "/set", 405), ("POST", "/status", 405),
        ("PUT", "/set", 405), ("DELETE", "/status", 405), ("OPTIONS", "/set", 405), ("BREW", "/set", 405),
    ],
)  # fmt: skip
def test_there_are_two_things_to_ask(server: ControlServer, method: str, path: str, code: int) -> None:
    assert send(server, method, path)[0] == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 400), (b"{", 400), (b"[" * 10_000, 400), (b"\xff\xfe", 400), (b'{"blur": NaN}', 400),
        (b'{"quality": ' + b"9" * 5000 + b"}", 400), (b'{"blur": 1e999}', 400), (b"null", 400),
        (b'{"volume": 11}', 400), (b'{"blur": 2}', 422), (b'{"backdrop": "no\\u0000thing"}', 422),
        (b'{"backdrop": "\\ud800"}', 422), (b" " * (MOST_BYTES + 1), 413), (b" " * 10**6, 413),
    ],
)  # fmt: skip
def test_a_bad_body_is_refused_and_the_server_goes_on(server: ControlServer, body: bytes, code: int) -> None:
    before = ask(server.address)
    found, values = send(server, "POST", "/set", body)
    assert found == code
    assert values["error"]
    assert {**ask(server.address), "elapsed_s": 0} == {**before, "elapsed_s": 0}


@pytest.mark.parametrize("length", ["", "-1", "+1", "1e3", "0x10", "9" * 30, "\xb2"])
def test_a_length_that_is_none_is_refused(server: ControlServer, length: str) -> None:
    assert send(server, "POST", "/set", Content_Length=length)[0] in (411, 413)


def test_a_body_in_chunks_is_refused(server: ControlServer) -> None:
    assert send(server, "POST", "/set", b"0\r\n\r\n", Transfer_Encoding="chunked")[0] == 411


@LATER
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_at_all_are_refused_with_a_word(server: ControlServer, data: bytes, as_body: bool) -> None:
    if as_body:
        code, values = send(server, "POST", "/set", data)
        assert 400 <= code < 500 or json.loads(data) == {}
        assert values
    else:
        found = raw(server, data)
        assert not found or b"40" in found.splitlines()[0] or b"41" in found.splitlines()[0] or found.startswith(b"{")
    assert healthy(server)


@LATER
@given(st.dictionaries(st.sampled_from(["Host", "Origin", "Authorization", "X-A"]), st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40), max_size=3
))  # fmt: skip
def test_any_headers_without_the_token_are_refused(server: ControlServer, headers: dict[str, str]) -> None:
    given = {"Authorization": "Bearer nothing"} | headers
    assert send(server, "GET", "/status", b"", **given)[0] in (400, 401, 403)
    assert healthy(server)


def test_requests_that_never_end_do_not_keep_others_out_for_good(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = [socket.create_connection(("127.0.0.1", server.address.port)) for _ in range(MOST_AT_ONCE)]
    monkeypatch.setattr(module, "WHOLE_S", 0.0)  # all of them are over time by now
    for connection in begun:
        connection.settimeout(PATIENCE_S)
        assert connection.recv(1) == b""
        connection.close()
    monkeypatch.undo()
    assert send(server, "GET", "/status")[0] == 200


def test_the_status_can_be_asked_while_the_stream_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    live = resting()
    with going(live) as shown, ControlServer(Controls(live)):
        assert shown.wait(PATIENCE_S)
        said = ask(running())
        assert said["frames"]["out"] >= said["frames"]["covered"] > 0
        assert ask(running(), {"paused": True})["paused"]
        assert ask(running())["state"] == "cover"


def test_a_port_that_is_taken_is_said(server: ControlServer) -> None:
    with pytest.raises(ControlError, match="cannot be used"):
        ControlServer(Controls(resting()), server.address.port)


def test_no_thread_and_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    before = threading.active_count()
    with ControlServer(Controls(resting())) as server:
        path = server.address.path
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not path.exists()
    assert threading.active_count() <= before
