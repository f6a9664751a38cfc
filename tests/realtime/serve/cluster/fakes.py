"""A gateway on a real port, and workers that answer what a test wants: only HTTP, no session runs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web

from rimlight.realtime.serve.cluster.forward import Messenger
from rimlight.realtime.serve.cluster.gateway import make_gateway
from rimlight.realtime.serve.cluster.names import new_key
from rimlight.realtime.serve.cluster.placing import Gateway
from rimlight.realtime.serve.cluster.registry import Registry
from rimlight.realtime.serve.cluster.report import Report
from rimlight.realtime.serve.guard import Access

TOKEN, CLUSTER = "client-token-0123456789", "cluster-token-0123456789"
OFFER = {"sdp": "v=0\r\n", "settings": {}}
SDP = {"Content-Type": "application/sdp"}
Responder = Callable[[web.Request], Awaitable[web.Response]]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@dataclass(slots=True)
class Asked:
    """A request as a worker saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class FakeWorker:
    """Keeps what it was asked; respond: what it answers, else 201 with a session of its own to every POST."""

    name: str
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    respond: Responder | None = None
    runner: web.AppRunner | None = None

    def report(self, **values: Any) -> Report:
        """Of a worker with room for ten, unless something else is said."""
        return replace(Report(self.name, self.url, room=10, load=0.1, one=0.05), **values)

    async def die(self) -> None:
        """Its port is closed from now on."""
        assert self.runner is not None
        await self.runner.cleanup()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(Asked(request.method, request.path_qs, dict(request.headers), await request.read()))
        if self.respond is not None:
            return await self.respond(request)
        if request.method != "POST":
            return web.json_response({"worker": self.name})
        key = new_key(self.name)
        place = request.path if request.path.startswith("/api") else f"{request.path}/"
        headers = {"Location": f"{place.rstrip('/')}/{key}", "Link": '<stun:a>; rel="ice-server"', "X-Own": "1"}
        return web.json_response({"id": key, "worker": self.name}, status=201, headers=headers)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The gateway's address and registry, its clock, the workers, and somebody to ask."""

    address: str
    registry: Registry
    clock: Clock
    workers: list[FakeWorker]
    http: aiohttp.ClientSession

    def hear(self, *reports: Report) -> None:
        """The gateway hears these, or the usual ones of all workers."""
        for report in reports or [one.report() for one in self.workers]:
            self.registry.hear(report)

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of an answer."""
        headers = {"Authorization": f"Bearer {TOKEN}"} | options.pop("headers", {})
        async with self.http.request(method, self.address + path, headers=headers, **options) as answer:
            text = await answer.text()
            is_json = answer.content_type == "application/json"
            return answer.status, dict(answer.headers), json.loads(text) if is_json and text else text

    async def open(self) -> tuple[int, dict[str, str], Any]:
        """Offer a session as the page does."""
        return await self.ask("POST", "/api/sessions", json=OFFER)


def says(status: int, **options: Any) -> Responder:
    async def respond(_: web.Request) -> web.Response:
        return web.json_response({"error": "so it is"}, status=status, **options)

    return respond


def asked(cluster: Cluster) -> list[int]:
    return [len(one.asked) for one in cluster.workers]


async def _listening(stack: AsyncExitStack, app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


@asynccontextmanager
async def clustered(workers: int = 2, *, learned: bool = True, access: Access | None = None) -> AsyncIterator[Cluster]:
    """A gateway and workers that it has heard; learned: it has run for long enough to know all."""
    async with AsyncExitStack() as stack:
        made = [FakeWorker(f"worker{number}") for number in range(workers)]
        for one in made:
            app = web.Application(client_max_size=2**25)
            app.router.add_route("*", "/{path:.*}", one.answer)
            one.runner, one.url = await _listening(stack, app)
        clock = Clock()
        registry, messenger = Registry(clock), Messenger(CLUSTER)
        stack.push_async_callback(messenger.close)
        _, address = await _listening(stack, make_gateway(Gateway(registry, messenger), access or ACCESS))
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)))
        clock.now_s += 10 if learned else 0
        cluster = Cluster(address, registry, clock, made, http)
        if made:
            cluster.hear()
        yield cluster


ACCESS = Access(TOKEN, "viewer-token-0123456789", cluster_token=CLUSTER)
