"""What a gateway passes on, to whom, and what it answers itself; its workers only speak HTTP."""

from __future__ import annotations

import asyncio
import logging

import pytest

from rimlight.realtime.serve.cluster.names import new_key
from rimlight.realtime.serve.cluster.registry import SILENT_S, Worker
from tests.realtime.serve.clients import run
from tests.realtime.serve.cluster.fakes import CLUSTER, OFFER, SDP, TOKEN, Cluster, asked, clustered, says


def heard(cluster: Cluster, name: str) -> Worker:
    found = cluster.registry.find(name)
    assert found is not None
    return found


def test_sessions_go_to_the_least_loaded_and_stay_there() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            first, second = cluster.workers
            cluster.hear(first.report(load=0.5), second.report(load=0.1))
            status, headers, said = await cluster.open()
            assert (status, said["worker"]) == (201, "worker1")
            place = headers["Location"]
            assert place == f"/api/sessions/{said['id']}"
            cluster.hear(first.report(load=0.0), second.report(load=0.9))
            for method, more in (("GET", ""), ("PATCH", ""), ("PUT", "/backdrop"), ("DELETE", "")):
                assert (await cluster.ask(method, place + more))[2] == {"worker": "worker1"}
            assert asked(cluster) == [0, 5]

    run(scenario())


def test_what_comes_from_a_client_is_passed_on_without_its_token() -> None:
    async def scenario() -> None:
        async with clustered(1) as cluster:
            given = SDP | {"Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "Forwarded": "for=1.2.3.4"}
            path = "/whip/stage?backdrop=%2300b140&quality=low"
            status, headers, _ = await cluster.ask("POST", path, data=b"v=0", headers=given)
            assert status == 201
            assert headers["Link"] == '<stun:a>; rel="ice-server"'
            assert "X-Own" not in headers
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            (question,) = cluster.workers[0].asked
            assert (question.method, question.path, question.body) == ("POST", path, b"v=0")
            assert question.headers["Authorization"] == f"Bearer {CLUSTER}"
            assert question.headers["Content-Type"] == "application/sdp"
            assert not {"Cookie", "X-Forwarded-For", "Forwarded", "Origin"} & set(question.headers)

    run(scenario())


def test_a_client_without_the_right_token_reaches_no_worker() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            key = new_key("worker0")
            for token in ("", TOKEN + "x", CLUSTER, "viewer-token-0123456789"):
                headers = {"Authorization": f"Bearer {token}"}
                assert (await cluster.ask("POST", "/api/sessions", json=OFFER, headers=headers))[0] == 401
                assert (await cluster.ask("GET", f"/api/sessions/{key}", headers=headers))[0] == 401
            foreign = {"Origin": "https://elsewhere.example"}
            assert (await cluster.ask("GET", f"/api/sessions/{key}", headers=foreign))[0] == 403
            assert asked(cluster) == [0, 0]

    run(scenario())


def test_only_the_clusters_token_registers_workers(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        async with clustered() as cluster:
            body = cluster.workers[0].report(name="stranger", url="http://127.0.0.1:1").as_json()
            for token in ("", TOKEN, CLUSTER + "x", CLUSTER[:-1]):
                headers = {"Authorization": f"Bearer {token}"}
                assert (await cluster.ask("POST", "/cluster/workers", json=body, headers=headers))[0] == 401
            assert cluster.registry.find("stranger") is None
            right = {"Authorization": f"Bearer {CLUSTER}"}
            assert (await cluster.ask("POST", "/cluster/workers", json=body, headers=right))[0] == 204
            assert cluster.registry.find("stranger")
            for wrong in (body | {"url": "http://169.254.169.254"}, body | {"load": -1}, [], "x", 0):
                assert (await cluster.ask("POST", "/cluster/workers", json=wrong, headers=right))[0] == 400
            big = body | {"names": ["n" * 64] * 3000}
            assert (await cluster.ask("POST", "/cluster/workers", json=big, headers=right))[0] == 413

    run(scenario())
    assert CLUSTER not in caplog.text
    assert TOKEN not in caplog.text


def test_who_is_full_hands_on_to_the_next() -> None:
    async def scenario() -> None:
        async with clustered(3) as cluster:
            first, second, third = cluster.workers
            first.respond = second.respond = says(503, headers={"Retry-After": "10"})
            cluster.hear(first.report(load=0.1), second.report(load=0.2), third.report(load=0.3))
            assert (await cluster.open())[2]["worker"] == "worker2"
            assert asked(cluster) == [1, 1, 1]
            assert (await cluster.open())[2]["worker"] == "worker2"
            assert asked(cluster) == [1, 1, 2], "who said that it is full is not asked again before its next report"

    run(scenario())


def test_where_nobody_has_room_the_client_is_told_when_to_come_back() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            cluster.hear(*(one.report(room=0) for one in cluster.workers))
            status, headers, said = await cluster.open()
            assert (status, headers["Retry-After"], list(said)) == (503, "5", ["error"])
            assert asked(cluster) == [0, 0]
        async with clustered(0) as cluster:
            status, headers, _ = await cluster.open()
            assert (status, headers["Retry-After"]) == (503, "2")
            assert (await cluster.ask("GET", "/api/info"))[0] == 503

    run(scenario())


def test_what_a_worker_refuses_is_not_tried_elsewhere() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            for status in (400, 409, 415, 422):
                cluster.hear()
                for one in cluster.workers:
                    one.respond = says(status)
                before = sum(asked(cluster))
                assert (await cluster.open())[0] == status
                assert sum(asked(cluster)) == before + 1

    run(scenario())


def test_viewers_are_sent_to_where_the_name_is_published() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            first, second = cluster.workers
            cluster.hear(first.report(), second.report(names=("stage",), draining=True))
            status, headers, said = await cluster.ask("POST", "/whep/stage", data=b"v=0", headers=SDP)
            assert (status, said["worker"]) == (201, "worker1")
            assert (await cluster.ask("DELETE", headers["Location"]))[2] == {"worker": "worker1"}
            assert (await cluster.ask("POST", "/whep/nobody", data=b"v=0", headers=SDP))[0] == 404
            await second.die()
            assert (await cluster.ask("POST", "/whep/stage", data=b"v=0", headers=SDP))[0] == 404

    run(scenario())


def test_a_name_that_was_just_published_is_known_before_the_worker_reports_it() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            _, _, published = await cluster.ask("POST", "/whip/stage", data=b"v=0", headers=SDP)
            _, _, watched = await cluster.ask("POST", "/whep/stage", data=b"v=0", headers=SDP)
            assert watched["worker"] == published["worker"]

    run(scenario())


def test_a_second_publisher_of_a_name_is_left_to_who_has_it() -> None:
    async def scenario() -> None:
        async with clustered() as cluster:
            first, second = cluster.workers
            cluster.hear(first.report(load=0.0), second.report(load=0.9, names=("stage",)))
            second.respond = says(409)
            assert (await cluster.ask("POST", "/whip/stage", data=b"v=0", headers=SDP))[0] == 409
            second.respond = says(503)
            assert (await cluster.ask("POST", "/whip/stage", data=b"v=0", headers=SDP))[0] == 503
            assert asked(cluster) == [0, 2]

    run(scenario())


def test_a_gateway_that_has_just_started_waits_for_workers_before_it_calls_sessions_gone() -> None:
    async def scenario() -> None:
        async with clustered(2, learned=False) as cluster:
            late, quick = cluster.workers
            place = f"/api/sessions/{new_key('worker0')}"
            cluster.registry.lose(heard(cluster, "worker0"))
            early = asyncio.create_task(cluster.ask("GET", place))
            assert (await cluster.ask("GET", f"/api/sessions/{new_key('worker1')}"))[0] == 200
            assert not early.done()
            cluster.hear(late.report())
            assert (await early)[2] == {"worker": "worker0"}
            gone = asyncio.create_task(cluster.ask("GET", f"/api/sessions/{new_key('worker7')}"))
            watched = asyncio.create_task(cluster.ask("POST", "/whep/unheard", data=b"v=0", headers=SDP))
            cluster.clock.now_s += SILENT_S
            assert (await gone)[0] == 410
            assert (await watched)[0] == 404
            assert (await cluster.ask("GET", f"/api/sessions/{new_key('')}"))[0] == 404
            assert len(quick.asked) == 1

    run(scenario())
