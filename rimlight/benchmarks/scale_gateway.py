"""What a gateway's processor does for a report, for a look at a session and for an offer, measured on the real command.

Workers are one small server here that answers as they would, so that nothing but the gateway is counted.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
from aiohttp import web

from rimlight.benchmarks.serve_child import Child, Work
from rimlight.errors import BackendError
from rimlight.realtime.serve.cluster.names import new_key, new_worker
from rimlight.realtime.serve.cluster.registry import REPORT_S
from rimlight.realtime.serve.cluster.report import Report
from rimlight.realtime.serve.paths import WORKERS

WORKERS_THERE = 50
REQUESTS = 1500  # of each kind
AT_ONCE = 8
OFFER = {"sdp": "v=0\r\n" + "a=candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host\r\n" * 40, "settings": {}}
STATE = {"state": "live", "reason": "", "fps_in": 30, "fps_out": 30, "latency_ms": {"p50": 30.0, "p95": 50.0},
         "settings": {"backdrop": "blur:0.6", "quality": "medium"}}  # fmt: skip
PATIENCE_S = 120.0


def measure_gateway(requests: int = REQUESTS) -> dict[str, float]:
    """Processor milliseconds of a gateway by what it is asked; raises BackendError where it does not answer rightly."""
    token = secrets.token_hex(24)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RIMLIGHT_")}
    with Child(["--role", "gateway"], environment | {"RIMLIGHT_CLUSTER_TOKEN": token}) as child:
        return asyncio.run(asyncio.wait_for(_asked(child, token, requests), PATIENCE_S))


async def _asked(child: Child, token: str, requests: int) -> dict[str, float]:
    names = [new_worker() for _ in range(WORKERS_THERE)]
    async with _workers() as urls, aiohttp.ClientSession(child.address) as session:
        bearer = {"Authorization": f"Bearer {token}"}

        async def tell(number: int) -> int:
            one = number % len(names)
            report = Report(names[one], urls[one], sessions=9, room=10_000, load=0.5, one=1e-5)
            async with session.post(WORKERS, json=report.as_json(), headers=bearer) as answer:
                return answer.status

        async def look(number: int) -> int:
            async with session.get(f"/api/sessions/{new_key(names[number % len(names)])}") as answer:
                await answer.read()
                return answer.status

        async def offer(_: int) -> int:
            async with session.post("/api/sessions", json=OFFER) as answer:
                await answer.read()
                return answer.status

        report_s = await _cost(child, tell, requests, 204)
        found = {"report_ms": report_s}
        for name, ask, status in (("look_ms", look, 200), ("offer_ms", offer, 201)):
            await _cost(child, tell, len(names), 204)
            told: list[int] = []
            task = asyncio.create_task(_keep_telling(tell, told))
            try:
                found[name] = await _cost(child, ask, requests, status) - len(told) * report_s / requests
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
    return {name: round(1000 * cost_s, 4) for name, cost_s in found.items()}


async def _cost(child: Child, ask: Callable[[int], Awaitable[int]], requests: int, status: int) -> float:
    """Processor seconds of the gateway for each of so many requests."""
    numbers, work = iter(range(requests)), Work([child.pid])

    async def one_after_the_other() -> None:
        for number in numbers:
            got = await ask(number)
            if got != status:
                raise BackendError(f"expected {status} of the gateway, got {got}")

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return work.seconds() / requests


async def _keep_telling(tell: Callable[[int], Awaitable[int]], told: list[int]) -> None:
    """Every worker once in each REPORT_S."""
    while True:
        begun = asyncio.create_task(asyncio.sleep(REPORT_S))
        told += await asyncio.gather(*(tell(number) for number in range(WORKERS_THERE)))
        await begun


@asynccontextmanager
async def _workers() -> AsyncIterator[list[str]]:
    """A server that answers as all workers would, at an address for each; gives these."""

    async def opened(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response(OFFER | {"id": new_key(new_worker())}, status=201)

    async def looked(_: web.Request) -> web.Response:
        return web.json_response(STATE)

    app = web.Application()
    app.add_routes([web.post("/api/sessions", opened), web.get("/api/sessions/{key}", looked)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        for _ in range(WORKERS_THERE):
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield [f"http://127.0.0.1:{address[1]}" for address in runner.addresses]
    finally:
        await runner.cleanup()
