"""The body of a request, read up to a limit of bytes and of time; what is off is answered with the right status."""

from __future__ import annotations

import asyncio
import json
import time
from typing import NoReturn

from aiohttp import web

JSON_BYTES = 128 * 1024  # of a body with settings or an SDP; an offer with many candidates has about 20 KiB
WHOLE_S = 20.0  # for a whole body


async def read_body(request: web.Request, limit: int, timeout_s: float = WHOLE_S) -> bytes:
    """The body, at most limit bytes, whatever its length is said to be.

    Raises HTTPRequestEntityTooLarge (413), HTTPRequestTimeout (408) where it takes longer than timeout_s,
    HTTPBadRequest (400) where it breaks off, HTTPUnsupportedMediaType (415) where it is compressed.
    """
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(text="expected a body without Content-Encoding")
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    body, until_s = bytearray(), time.monotonic() + timeout_s
    try:
        while part := await asyncio.wait_for(request.content.readany(), until_s - time.monotonic()):
            body += part
            if len(body) > limit:
                raise _too_large(limit)
    except asyncio.TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"expected the whole body within {timeout_s:g} s") from error
    except web.RequestPayloadError as error:
        raise web.HTTPBadRequest(text="the body is not as its headers say") from error
    return bytes(body)


async def read_json(request: web.Request, limit: int = JSON_BYTES) -> object:
    """The body's JSON; raises as read_body does, 400 for what is none, 415 for another Content-Type."""
    _check_type(request, "application/json")
    body = await read_body(request, limit)
    try:
        value: object = json.loads(body.decode(), parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair cannot be passed on
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text=f"expected JSON: {str(error)[:120]}") from error
    return value


async def read_text(request: web.Request, content_type: str, limit: int = JSON_BYTES) -> str:
    """The body as UTF-8, for WHIP and WHEP with content_type application/sdp; raises as read_json does."""
    _check_type(request, content_type)
    try:
        return (await read_body(request, limit)).decode()
    except UnicodeDecodeError as error:
        raise web.HTTPBadRequest(text="expected the body as UTF-8") from error


def _check_type(request: web.Request, expected: str) -> None:
    given = request.content_type if "Content-Type" in request.headers else "none"
    if given != expected:
        raise web.HTTPUnsupportedMediaType(text=f"expected Content-Type {expected}, got {given[:60]}")


def _too_large(limit: int) -> web.HTTPRequestEntityTooLarge:
    return web.HTTPRequestEntityTooLarge(limit, text=f"expected a body of at most {limit} bytes; send less")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")
