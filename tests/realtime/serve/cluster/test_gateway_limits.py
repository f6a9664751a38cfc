"""What a gateway bounds: time, bytes, and where it can be led; its workers only speak HTTP."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from rimlight.realtime.serve.cluster import forward, gateway, placing, registry
from rimlight.realtime.serve.cluster.names import new_key
from rimlight.realtime.serve.cluster.registry import MUTE_S, SILENT_S
from tests.realtime.serve.clients import run
from tests.realtime.serve.cluster.fakes import SDP, asked, clustered, says


class Held:
    """A worker's answer that waits. came: it was asked; released: it may answer."""

    def __init__(self) -> None:
        self.came, self.released = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: web.Request) -> web.Response:
        self.came.set()
        await self.released.wait()
        return web.json_response({"worker": "worker0"})


def test_a_worker_that_hangs_costs_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "LOOK_S", 0.2)
    monkeypatch.setattr(placing, "OFFER_S", 0.2)

    async def scenario() -> None:
        async with clustered() as cluster:
            hung, well = cluster.workers
            held = hung.respond = Held()
            cluster.hear(hung.report(load=0.0), well.report(load=0.5))
            assert (await cluster.open())[2]["worker"] == "worker1"
            assert (await cluster.ask("GET", f"/api/sessions/{new_key('worker0')}"))[0] == 503
            assert cluster.registry.find("worker0"), "it may only be slow: its silence decides"
            held.released.set()

    run(scenario())


def test_a_worker_that_falls_silent_while_it_is_asked_is_not_waited_for() -> None:
    async def scenario() -> None:
        async with clustered(1) as cluster:
            held = cluster.workers[0].respond = Held()
            looked = asyncio.create_task(cluster.ask("GET", f"/api/sessions/{new_key('worker0')}"))
            await held.came.wait()
            assert not looked.done()
            cluster.clock.now_s += SILENT_S + 1
            assert (await looked)[0] == 410
            held.released.set()

    run(scenario())


def test_a_worker_that_owes_an_answer_is_given_less_time_to_be_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "OWED_S", 0.1)

    async def scenario() -> None:
        async with clustered(1) as cluster:
            held = cluster.workers[0].respond = Held()
            place = f"/api/sessions/{new_key('worker0')}"
            looked = asyncio.create_task(cluster.ask("GET", place))
            await held.came.wait()
            cluster.clock.now_s += MUTE_S + 0.1
            assert (await looked)[0] == 410
            assert cluster.registry.find("worker0") is None
            cluster.hear()
            held.released.set()
            assert (await cluster.ask("GET", place))[0] == 200, "it is a worker again with its next report"
            cluster.clock.now_s += MUTE_S + 0.1
            assert cluster.registry.find("worker0"), "nobody asked"
            assert (await cluster.ask("GET", place))[0] == 200, "it answers"

    run(scenario())


def test_a_worker_that_is_only_slow_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "OWED_S", 0.1)

    async def scenario() -> None:
        async with clustered(1) as cluster:
            (worker,) = cluster.workers

            async def slow(_: web.Request) -> web.Response:
                cluster.clock.now_s += MUTE_S - 0.1
                await asyncio.sleep(0.5)  # five times what would be too long of a silent one
                cluster.hear()
                return web.json_response({"worker": "worker0"})

            worker.respond = slow
            assert (await cluster.ask("GET", f"/api/sessions/{new_key('worker0')}"))[0] == 200

    run(scenario())


def test_what_a_worker_must_not_say_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "MOST_BYTES", 1000)

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1001)

    async def scenario() -> None:
        async with clustered(1) as cluster:
            (worker,) = cluster.workers
            place = f"/api/sessions/{new_key('worker0')}"
            for respond in (says(302, headers={"Location": "http://127.0.0.1:1/"}), says(401), says(403), large):
                worker.respond = respond
                assert (await cluster.ask("GET", place))[0] == 503
            assert len(worker.asked) == 4, "no redirect is followed"
            for location in ("http://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "elsewhere"):
                worker.respond = says(201, headers={"Location": location})
                assert "Location" not in (await cluster.open())[1]

    run(scenario())


def test_bodies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "UPLOAD_BYTES", 300_000)

    async def scenario() -> None:
        async with clustered(1) as cluster:
            backdrop, kind = f"/api/sessions/{new_key('worker0')}/backdrop", {"Content-Type": "image/png"}
            assert (await cluster.ask("PUT", backdrop, data=b"x" * 300_000, headers=kind))[0] == 200
            assert cluster.workers[0].asked[0].headers["Content-Type"] == "image/png"
            assert (await cluster.ask("PUT", backdrop, data=b"x" * 300_001, headers=kind))[0] == 413
            assert (await cluster.ask("POST", "/whip/stage", data=b"x" * 200_000, headers=SDP))[0] == 413
            assert (await cluster.ask("PATCH", backdrop[:-9], data=b"x" * 200_000))[0] == 413
            assert asked(cluster) == [1]

    run(scenario())


def test_only_so_many_pictures_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "MOST_UPLOADS", 1)

    async def scenario() -> None:
        async with clustered(1) as cluster:
            held = cluster.workers[0].respond = Held()
            backdrop = f"/api/sessions/{new_key('worker0')}/backdrop"
            first = asyncio.create_task(cluster.ask("PUT", backdrop, data=b"x"))
            await held.came.wait()
            assert (await cluster.ask("PUT", backdrop, data=b"x"))[0] == 503
            held.released.set()
            assert (await first)[0] == 200
            assert (await cluster.ask("PUT", backdrop, data=b"x"))[0] == 200

    run(scenario())


WAYS_OUT = [
    "/api/sessions/..%2F..%2Fmetrics", "/api/sessions/http:%2F%2Felsewhere", "/api/gallery/..%2Fx.jpg", "/whip/a%2Fb",
    "/api/sessions/worker0_" + "x" * 24 + "/other", "/cluster/other", "//elsewhere.example/", "/http://elsewhere/",
]  # fmt: skip


@pytest.mark.parametrize("path", WAYS_OUT)
def test_other_paths_reach_no_worker(path: str) -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            for method in ("GET", "POST", "PUT", "DELETE"):
                assert (await cluster.ask(method, path))[0] in (404, 405)
            assert asked(cluster) == [0, 0]

    run(scenario())


def test_the_pages_are_the_gateways_own_and_health_needs_no_worker() -> None:
    async def scenario() -> None:
        async with clustered(0) as cluster:
            for path in ("/", "/watch", "/static/app.js"):
                assert (await cluster.ask("GET", path))[0] == 200
            assert (await cluster.ask("GET", "/healthz"))[2] == {"status": "ok", "workers": 0, "ready": 0}
            assert "rimlight_gateway_used 1.0" in (await cluster.ask("GET", "/metrics"))[2]

    run(scenario())
