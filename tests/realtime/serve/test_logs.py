from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from rimlight.realtime.serve import logs
from rimlight.realtime.serve.logs import AccessLog, JsonLines, TextLines, hidden, log_to_stderr, tag

ID = "q3Jx0ZpV-secret_id-9aB"
SDP = (
    "v=0\r\no=- 4611 2 IN IP4 203.0.113.9\r\ns=-\r\na=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
    "a=fingerprint:sha-256 DA:7B:57\r\na=candidate:1 1 UDP 2122 198.51.100.7 61764 typ host\r\n"
)


def record(message: str, *args: object, level: int = logging.INFO, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("rimlight.x", level, __file__, 1, message, args, extra.pop("exc_info", None))
    made.created = 1_700_000_000.1239
    made.__dict__.update(extra)
    return made


def raised(error: Exception) -> Any:
    """What logging is given of an error that is being handled."""
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_an_event_is_one_json_object() -> None:
    line = JsonLines().format(record("session ended", session=ID, fields={"reason": "idle", "frames": 3, "live": True}))
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.123Z", "level": "info", "logger": "rimlight.x", "event": "session ended",
        "session": tag(ID), "reason": "idle", "frames": 3, "live": True,
    }  # fmt: skip
    assert "\n" not in JsonLines().format(record("two\nlines"))


def test_a_session_is_known_by_a_hash_of_its_id() -> None:
    line = JsonLines().format(record("x", session=ID))
    assert ID not in line
    assert re.fullmatch("[0-9a-f]{8}", tag(ID))
    assert tag(ID) != tag(ID + "x")
    assert "session" not in json.loads(JsonLines().format(record("x", session=None)))


def test_fields_cannot_pass_for_something_else() -> None:
    fields = {"level": "debug", "time": "now", "event": "other", "value": float("nan"), "what": ValueError("x")}
    values = json.loads(JsonLines().format(record("x", fields=fields)), parse_constant=pytest.fail)
    assert (values["level"], values["event"], values["value"], values["what"]) == ("info", "x", "nan", "x")


def test_an_error_comes_with_its_traceback() -> None:
    values = json.loads(JsonLines().format(record("failed", exc_info=raised(KeyError("k")), level=logging.ERROR)))
    assert (values["level"], values["error"]) == ("error", "KeyError: 'k'")
    assert "Traceback" in values["trace"]
    assert "in raised" in values["trace"]


def test_text_is_one_line_and_the_traceback() -> None:
    line = TextLines().format(record("a\nb", session=ID, fields={"reason": "no frames", "route": "/api/x/{key}"}))
    assert line == f'2023-11-14T22:13:20.123Z info    a b session={tag(ID)} reason="no frames" route=/api/x/{{key}}'
    failed = TextLines().format(record("x", exc_info=raised(KeyError("k")))).splitlines()
    assert failed[0].endswith("x error=\"KeyError: 'k'\"")
    assert failed[1].startswith("Traceback")


SECRETS = ["203.0.113.9", "198.51.100.7", "EsAw", "P2uYro0UCOQ4zxjKXaWCBui1", "DA:7B:57"]


@pytest.mark.parametrize("form", [JsonLines, TextLines])
@pytest.mark.parametrize("text", [SDP, repr(SDP), SDP.replace("\r\n", "\n"), SDP[30:], repr(SDP[30:])])
def test_no_sdp_gets_into_a_line(form: type[logging.Formatter], text: str) -> None:
    lines = [
        form().format(record("cannot read %s", text)),
        form().format(record("x", fields={"offer": text, "lines": [text], "all": {"sdp": text}})),
        form().format(record("x", exc_info=raised(ValueError(text)))),
    ]
    assert not [secret for secret in SECRETS for line in lines if secret in line]


def test_a_whole_sdp_is_a_word() -> None:
    for text in (SDP, repr(SDP), SDP.replace("\r\n", "\n")):
        assert hidden(f"got {text}").rstrip("'\"") in ("got (SDP)", "got '(SDP)")


HIDDEN = {
    "from 203.0.113.9 port 5": "from (address) port 5",
    "203.0.113.9:4000": "(address):4000",
    "('10.0.0.7', 4000)": "('(address)', 4000)",
    "[2001:db8::17]:443": "[(address)]:443",
    "at fe80::1%eth0.": "at (address)%eth0.",
    "2001:0db8:0000:0000:0000:ff00:0042:8329": "(address)",
    "on 127.0.0.1:8080 and [::1]:8080 and 0.0.0.0 and ::": "on 127.0.0.1:8080 and [::1]:8080 and 0.0.0.0 and ::",
    "12:34:56 version 1.2.3 of std::x": "12:34:56 version 1.2.3 of std::x",
    "Authorization: Bearer abc.def-1": "Authorization: Bearer (hidden)",
    "b'authorization: bearer abc'": "b'authorization: bearer (hidden)'",
    "/watch?token=abc&x=1": "/watch?token=(hidden)&x=1",
}


@pytest.mark.parametrize("text", HIDDEN)
def test_addresses_and_tokens_are_hidden(text: str) -> None:
    assert hidden(text) == HIDDEN[text]


@given(st.text(max_size=60), st.ip_addresses())
def test_any_text_stays_a_line(text: str, address: Any) -> None:
    json.loads(JsonLines().format(record("%s", text, fields={"x": text, "session": text})))
    shown = hidden(f"from {address} on")
    assert str(address) not in shown or address.is_loopback or address.is_unspecified


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[str]]]:
    """What was written since the last call, while the loggers of this process are as the service sets them."""
    level, ice = logging.root.level, logging.getLogger("aioice").level
    monkeypatch.setattr(logging.root, "handlers", [])

    def written() -> list[str]:
        return capsys.readouterr().err.splitlines()

    yield written
    logging.root.setLevel(level)
    logging.getLogger("aioice").setLevel(ice)


def test_all_loggers_write_to_stderr(lines: Callable[[], list[str]]) -> None:
    log_to_stderr("json")
    logging.getLogger("somebody").warning("careful %d", 1)
    logging.getLogger("somebody").debug("not this")
    logging.getLogger("aioice.ice").info("Connection(0) Check CandidatePair(('10.0.0.7', 1) -> ('10.0.0.8', 2))")
    assert [(one["level"], one["event"]) for one in map(json.loads, lines())] == [("warning", "careful 1")]
    log_to_stderr("text")
    logging.getLogger("somebody").info("hello")
    (line,) = lines()
    assert line.endswith(" info    hello")


async def served(*requests: bytes) -> None:
    """Serve these requests as the service would, one connection each."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.add_routes([web.get("/api/sessions/{key}", handle), web.get("/healthz", handle), web.get("/", handle)])
    runner = web.AppRunner(app, access_log_class=AccessLog)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for request in requests:
        reader, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(request)
        await reader.read()
        writer.close()
        await writer.wait_closed()
    await runner.cleanup()


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", ""]).encode()


def test_requests_are_logged_without_paths_queries_and_addresses(lines: Callable[[], list[str]]) -> None:
    log_to_stderr("json")
    asyncio.run(served(get(f"/api/sessions/{ID}?token=abc"), get("/"), get("/x/private"), get("/healthz")))
    written = lines()
    requests = [json.loads(line) for line in written]
    assert [(one["event"], one["route"], one["status"], one.get("session")) for one in requests] == [
        ("request", "/api/sessions/{key}", 200, tag(ID)),
        ("request", "/", 200, None),
        ("request", "unknown", 404, None),
    ]
    assert all(one["took_ms"] >= 0 and one["bytes"] > 0 and one["method"] == "GET" for one in requests)
    assert not [word for word in (ID, "abc", "private", "127.0.0.1") for line in written if word in line]


def test_bytes_that_are_no_http_are_a_word(lines: Callable[[], list[str]]) -> None:
    log_to_stderr("json")
    asyncio.run(served(b"GET / HTTP/1.1\r\nAuthorization: Bearer abcdef\0\r\n\r\n", get("/", "Host: second", "x y: z")))
    written = [json.loads(line) for line in lines()]
    assert [(one["event"], one.get("status")) for one in written] == [("malformed request", None), ("request", 400)] * 2
    assert "abcdef" not in str(written)


def test_what_machines_ask_is_logged_where_it_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "aiohttp.access")
    asyncio.run(served(get("/healthz")))
    assert [one.levelno for one in caplog.records if one.name == "aiohttp.access"] == [logging.DEBUG]
    assert logs.MACHINES == ("/healthz", "/metrics", "/cluster/workers")
