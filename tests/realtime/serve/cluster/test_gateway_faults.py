"""What a gateway does about workers that die, break off or give no answer; they only speak HTTP."""

from __future__ import annotations

from aiohttp import web

from rimlight.realtime.serve.cluster.names import new_key
from tests.realtime.serve.clients import run
from tests.realtime.serve.cluster.fakes import SDP, clustered, says


def test_what_all_workers_answer_alike_is_asked_of_one_that_answers() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            mute, well = cluster.workers
            cluster.hear(mute.report(load=0.0), well.report(load=0.5))
            for respond in (says(401), says(302)):
                mute.respond = respond
                before = len(mute.asked)
                assert (await cluster.ask("GET", "/api/info"))[2] == {"worker": "worker1"}
                cluster.hear(mute.report(load=0.0), well.report(load=0.5))
                assert (await cluster.open())[2]["worker"] == "worker1"
                assert len(mute.asked) == before + 1, "who did not answer is asked last, whatever it reports"
                mute.respond = None
                assert (await cluster.ask("GET", f"/api/sessions/{new_key('worker0')}"))[0] == 200
                assert (await cluster.ask("GET", "/api/info"))[2] == {"worker": "worker0"}, "until it answers again"
            mute.respond = well.respond = says(401)
            assert (await cluster.ask("GET", "/api/info"))[0] == 503

    run(scenario())


def test_a_session_whose_worker_died_is_to_be_offered_again_at_once() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            dead, alive = cluster.workers
            cluster.hear(dead.report(load=0.0), alive.report(load=0.5))
            _, headers, said = await cluster.open()
            assert said["worker"] == "worker0"
            await dead.die()
            for _ in range(2):
                assert (await cluster.ask("GET", headers["Location"]))[0] == 410
            assert cluster.registry.events["worker lost"] == 1
            assert cluster.registry.events["told to offer again"] == 2
            assert (await cluster.open())[2]["worker"] == "worker1"

    run(scenario())


def test_a_worker_that_dies_while_it_is_asked_is_gone_at_once() -> None:
    async def scenario() -> None:
        async with clustered(1) as cluster:
            (worker,) = cluster.workers

            async def die(request: web.Request) -> web.Response:
                assert worker.runner is not None
                for site in list(worker.runner.sites):
                    await site.stop()
                assert request.transport is not None
                request.transport.abort()
                return web.Response()

            worker.respond = die
            assert (await cluster.ask("PATCH", f"/api/sessions/{new_key('worker0')}"))[0] == 410
            assert cluster.registry.events["worker lost"] == 1

    run(scenario())


def test_a_worker_that_breaks_off_and_is_still_there_is_asked_again_later() -> None:
    async def scenario() -> None:
        async with clustered(1) as cluster:

            async def break_off(request: web.Request) -> web.Response:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()

            cluster.workers[0].respond = break_off
            assert (await cluster.ask("PATCH", f"/api/sessions/{new_key('worker0')}"))[0] == 503
            assert cluster.registry.find("worker0")

    run(scenario())


def test_an_offer_goes_past_a_worker_that_has_just_died() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            dead, alive = cluster.workers
            cluster.hear(dead.report(load=0.0), alive.report(load=0.5))
            await dead.die()
            status, _, said = await cluster.open()
            assert (status, said["worker"]) == (201, "worker1")

    run(scenario())


def test_a_whip_client_whose_worker_died_finds_its_resource_gone_and_its_name_free() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            first, second = cluster.workers
            cluster.hear(first.report(load=0.0), second.report(load=0.5))
            status, headers, _ = await cluster.ask("POST", "/whip/stage", data=b"v=0", headers=SDP)
            place = headers["Location"]
            assert status == 201
            assert place.startswith("/whip/stage/worker0_")
            await first.die()
            assert (await cluster.ask("DELETE", place))[0] == 410
            status, headers, _ = await cluster.ask("POST", "/whip/stage", data=b"v=0", headers=SDP)
            assert status == 201
            assert headers["Location"].startswith("/whip/stage/worker1_")

    run(scenario())
