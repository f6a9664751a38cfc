from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.streams import StreamReader
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from rimlight.realtime.serve.bodies import read_body, read_json, read_text

Handler = Callable[[web.Request], Awaitable[Any]]


def answered(read: Handler, body: Any, **headers: str) -> tuple[int, str]:
    """Status and text of the answer to one POST that is read so."""

    async def handle(request: web.Request) -> web.Response:
        return web.Response(text=repr(await read(request)))

    async def main() -> tuple[int, str]:
        app = web.Application(client_max_size=1)  # which is not asked
        app.router.add_post("/", handle)
        async with (
            TestClient(TestServer(app)) as client,
            client.post("/", data=body, headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    return asyncio.run(main())


async def parts(*data: bytes) -> AsyncIterator[bytes]:
    """A body whose length is not said beforehand."""
    for one in data:
        yield one


async def ten(request: web.Request) -> bytes:
    return await read_body(request, 10)


async def sdp(request: web.Request) -> str:
    return await read_text(request, "application/sdp")


def test_a_body_up_to_the_limit_is_read() -> None:
    assert answered(ten, b"0123456789") == (200, "b'0123456789'")
    assert answered(ten, parts(b"01234", b"56789")) == (200, "b'0123456789'")
    assert answered(ten, b"") == (200, "b''")


def test_a_body_above_the_limit_is_refused_even_without_a_length() -> None:
    assert answered(ten, b"0123456789x") == (413, "expected a body of at most 10 bytes; send less")
    assert answered(ten, parts(b"012345", b"6789", b"x"))[0] == 413


def test_a_length_above_the_limit_is_refused_before_anything_came() -> None:
    async def main() -> None:
        headers = {"Content-Length": "11"}
        payload = StreamReader(Mock(), 2**16, loop=asyncio.get_running_loop())
        await read_body(make_mocked_request("POST", "/", headers=headers, payload=payload), 10, timeout_s=0.01)

    with pytest.raises(web.HTTPRequestEntityTooLarge):
        asyncio.run(main())


def test_reading_stops_at_the_limit() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < 1000:
            taken += 1
            yield bytes(65536)

    async def refused(request: web.Request) -> bytes:
        try:
            return await ten(request)
        finally:
            assert request.content.total_bytes < 20 * 65536

    assert answered(refused, endless())[0] == 413


def test_a_body_that_stalls_is_given_up() -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b"0"
        await asyncio.sleep(3600)

    async def impatient(request: web.Request) -> bytes:
        return await read_body(request, 10, timeout_s=0.05)

    assert answered(impatient, stalled()) == (408, "expected the whole body within 0.05 s")


def test_a_compressed_body_is_refused() -> None:
    packed = gzip.compress(bytes(1000))
    assert answered(ten, packed, **{"Content-Encoding": "gzip"})[0] == 415


def test_a_body_that_is_not_as_its_headers_say_is_the_senders_error() -> None:
    async def main() -> None:
        payload = StreamReader(Mock(), 2**16, loop=asyncio.get_running_loop())
        payload.feed_data(b"0")
        payload.set_exception(web.RequestPayloadError("bad chunk"))
        await ten(make_mocked_request("POST", "/", payload=payload))

    with pytest.raises(web.HTTPBadRequest):
        asyncio.run(main())


JSON = {"Content-Type": "application/json; charset=utf-8"}


def test_json_is_read() -> None:
    assert answered(read_json, json.dumps({"a": [1, "ä"]}), **JSON) == (200, "{'a': [1, 'ä']}")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe\xfd", b'{"a": NaN}', b"[" * 100_000, b'"\\ud800"', b"1" * 9999, b"[Infinity]", b"{} {}"],
    ids=range(9),
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    status, text = answered(read_json, body, **JSON)
    assert (status, text.startswith("expected JSON: ")) == (400, True)


def test_json_of_another_type_is_refused() -> None:
    assert answered(read_json, b"{}", **{"Content-Type": "text/plain"})[0] == 415
    assert answered(sdp, b"v=0", **JSON) == (415, "expected Content-Type application/sdp, got application/json")


def test_json_is_bounded() -> None:
    assert answered(read_json, b'"' + b"x" * 130_000 + b'"', **JSON)[0] == 200
    assert answered(read_json, b'"' + b"x" * 132_000 + b'"', **JSON)[0] == 413


def test_an_sdp_is_utf_8() -> None:
    headers = {"Content-Type": "application/sdp"}
    assert answered(sdp, b"v=0\r\n", **headers) == (200, repr("v=0\r\n"))
    assert answered(sdp, b"\xff", **headers)[0] == 400
