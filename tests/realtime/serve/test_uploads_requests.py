from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from rimlight.realtime.serve import uploads
from rimlight.realtime.serve.uploads import LargePictureError, Limits, NoPictureError, Uploads
from rimlight.types import UInt8Array

from .pictures import png, quarters, saved


def asked(handler: Callable[[Uploads, web.Request], Any], *bodies: Any, **headers: str) -> list[tuple[int, str]]:
    """Status and text of the answers to some requests that are made at once."""

    async def main() -> list[tuple[int, str]]:
        inside = Uploads(Limits(most_bytes=5000))

        async def handle(request: web.Request) -> web.Response:
            try:
                answer: web.Response = await handler(inside, request)
            except NoPictureError as error:
                return web.Response(status=415, text=str(error))
            except LargePictureError as error:
                return web.Response(status=413, text=str(error))
            return answer

        app = web.Application()
        app.router.add_put("/", handle)
        async with TestClient(TestServer(app)) as client:

            async def one(body: Any) -> tuple[int, str]:
                async with client.put("/", data=body, headers={"Content-Type": "image/png"} | headers) as answer:
                    return answer.status, await answer.text()

            found = list(await asyncio.gather(*[one(body) for body in bodies]))
        inside.close()
        return found

    return asyncio.run(main())


async def measured(inside: Uploads, request: web.Request) -> web.Response:
    picture = await inside.receive(request)
    return web.Response(text=f"{picture.shape} {threading.current_thread().name}")


def test_a_request_becomes_a_picture() -> None:
    ((status, text),) = asked(measured, saved(quarters(), "PNG"))
    assert (status, text) == (200, "(32, 48, 3) MainThread")


def test_a_request_that_is_no_picture_is_refused() -> None:
    assert asked(measured, b"no picture")[0][0] == 415
    assert asked(measured, png(50_000, 50_000))[0][0] == 413
    ((status, text),) = asked(measured, saved(quarters(), "PNG"), **{"Content-Type": "text/html"})
    assert (status, "got text/html" in text) == (415, True)


def test_pictures_are_decoded_beside_the_event_loop_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    alone = threading.Lock()
    real = uploads.decode

    def watched(data: bytes, limits: Limits) -> UInt8Array:
        assert alone.acquire(blocking=False)
        names.append(threading.current_thread().name)
        picture = real(data, limits)
        alone.release()
        return picture

    monkeypatch.setattr(uploads, "decode", watched)
    answers = asked(measured, *[saved(quarters(), "PNG")] * uploads.MOST_WAITING)
    assert [status for status, _ in answers] == [200] * uploads.MOST_WAITING
    assert all(name.startswith("rimlight-uploads") for name in names)


def test_more_than_a_few_at_once_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_WAITING", 2)
    done, waits, inside = asyncio.Event(), [], []

    async def slow(*_: object) -> UInt8Array:
        inside.append(1)
        if len(inside) > 2:
            done.set()  # the third was let in too
        await done.wait()
        return np.zeros((1, 1, 3), np.uint8)

    async def last_one_wakes_all(taken: Uploads, request: web.Request) -> web.Response:
        try:
            return await measured(taken, request)
        except web.HTTPServiceUnavailable as error:
            waits.append(error.headers["Retry-After"])
            done.set()
            raise

    monkeypatch.setattr(Uploads, "decode", slow)
    answers = asked(last_one_wakes_all, *[saved(quarters(), "PNG")] * 3)
    assert sorted(status for status, _ in answers) == [200, 200, 503]
    assert waits == ["2"]
