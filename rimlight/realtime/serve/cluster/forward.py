"""One request of a gateway to a worker: bounded in time and bytes, and never further than that worker.

Nothing that a client sends becomes part of the address: paths are put together from matched parts, redirects are not
followed, proxies of the environment are not used, and of the headers only a few pass, either way.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from rimlight.errors import RimlightError

CONNECT_S = 1.0
IDLE_S = 10.0  # that a connection is kept for the next request; workers close theirs later
MOST_CONNECTIONS = 1024
MOST_BYTES = 2 * 1024 * 1024  # of an answer
PASSED = ("Content-Type", "Retry-After", "Cache-Control", "Link")
PLACE = re.compile(r"(/[A-Za-z0-9_-]+)+")  # a Location on this server; browsers read /\ as //


class UnreachableError(RimlightError):
    """A worker gave no answer that can be passed on. gone: nobody listens at its address any more."""

    def __init__(self, message: str, *, gone: bool = False) -> None:
        super().__init__(message)
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Question:
    """A request to a worker. path: made of matched parts only. kind: its Content-Type as the client gave it."""

    method: str
    path: str
    query: Mapping[str, str] | None = None
    body: bytes | None = None
    kind: str | None = None
    within_s: float = 8.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker answered, with the headers that may pass."""

    status: int
    headers: CIMultiDict[str]
    body: bytes

    def response(self) -> web.Response:
        """As the gateway's own."""
        return web.Response(status=self.status, headers=self.headers, body=self.body)


class Messenger:
    """Asks workers, with the cluster's token. To be made and closed inside a running event loop."""

    def __init__(self, token: str) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=IDLE_S),
            headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False,
        )  # fmt: skip

    async def ask(self, worker: str, question: Question) -> Answer:
        """What the worker at that address answers. Raises UnreachableError."""
        url = URL(worker).with_path(question.path).with_query(question.query)
        limits = aiohttp.ClientTimeout(total=question.within_s, sock_connect=CONNECT_S)
        headers = {} if question.kind is None else {"Content-Type": question.kind}
        try:
            async with self._session.request(
                question.method, url, data=question.body, headers=headers, timeout=limits, allow_redirects=False
            ) as response:
                return await _answer(response)
        except asyncio.TimeoutError as error:
            raise UnreachableError("the worker does not answer in time") from error
        except aiohttp.ClientConnectorError as error:
            gone = isinstance(error.os_error, ConnectionRefusedError)
            raise UnreachableError("the worker cannot be reached", gone=gone) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UnreachableError("the worker broke off", gone=await _closed(url)) from error

    async def close(self) -> None:
        """Give all connections up."""
        await self._session.close()


async def _closed(url: URL) -> bool:
    """Whether nobody listens there: a process that is killed takes connections until all of it is cleared away."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(url.host, url.port), CONNECT_S)
    except ConnectionRefusedError:
        return True
    except (OSError, asyncio.TimeoutError):
        return False
    writer.close()
    return False


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    if response.status in (401, 403) or 300 <= response.status < 400:
        raise UnreachableError(f"{response.status} came instead of the worker's answer; is it one, with this token?")
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > MOST_BYTES:
            raise UnreachableError(f"the worker answers more than {MOST_BYTES} bytes")
    headers = CIMultiDict((name, value) for name, value in response.headers.items() if name.title() in PASSED)
    location = response.headers.get("Location", "")
    if PLACE.fullmatch(location):
        headers["Location"] = location
    return Answer(response.status, headers, bytes(body))
