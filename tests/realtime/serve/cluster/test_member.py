"""Real workers behind a real gateway, in one process: they tell of themselves, and sessions run through it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from PIL import Image

from rimlight.backends.streams import Streams, open_streams
from rimlight.errors import BackendError, ConfigError
from rimlight.realtime.serve import networks
from rimlight.realtime.serve.capacity import Capacity, Costs
from rimlight.realtime.serve.cluster import member
from rimlight.realtime.serve.cluster.member import Membership, own_url, report_of, reporting
from rimlight.realtime.serve.cluster.report import read_report
from rimlight.realtime.serve.gallery import Gallery
from rimlight.realtime.serve.options import ServeOptions
from rimlight.realtime.serve.service import Service
from rimlight.types import Size
from tests.realtime.serve.clients import Camera, Client, people, run, until
from tests.realtime.serve.cluster.fakes import CLUSTER, TOKEN, Cluster, clustered
from tests.realtime.serve.cluster.members import worker
from tests.realtime.serve.rig import BLUE, ROOMY, has_person, stands_before

LOOK = {"backdrop": "#0050f0", "quality": "low", "decontaminate": False}


@asynccontextmanager
async def clients(cluster: Cluster) -> AsyncIterator[Callable[[], Client]]:
    async with people(cluster.address) as client:

        def with_token() -> Client:
            made: Client = client()
            made.http.headers["Authorization"] = f"Bearer {TOKEN}"  # type: ignore[index]
            return made

        yield with_token


@asynccontextmanager
async def pair() -> AsyncIterator[tuple[Cluster, list[Service], Callable[[], Client]]]:
    """A gateway with two workers, and who makes clients of it."""
    async with (
        clustered(0) as cluster,
        worker(cluster, "worker1") as one,
        worker(cluster, "worker2") as two,
        clients(cluster) as client,
    ):
        yield cluster, [one, two], client


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "REPORT_S", 0.05)


def test_a_worker_tells_what_it_has_to_do() -> None:
    costly = Capacity(Costs(0.0, 1e-8), 2.0)

    async def scenario() -> None:
        async with clustered(0) as cluster, worker(cluster, "worker1", costly) as real, clients(cluster) as client:
            empty = report_of(real, "http://worker")
            assert read_report(empty.as_json()) == empty
            assert (empty.sessions, empty.load, empty.room) == (0, 0.0, int(0.9 / empty.one))
            publisher = await client().publish("stage", Camera(fps=5))
            await client().view("stage")

            def told() -> bool:
                heard = cluster.registry.find("worker1")
                return heard is not None and (heard.report.sessions, heard.report.viewers) == (1, 1)

            await until(told, "its report")
            heard = cluster.registry.find("worker1")
            assert heard is not None
            assert heard.report.names == ("stage",)
            assert heard.report.load > 0
            await publisher.leave()

    run(scenario())


def test_a_worker_has_no_room_before_its_network_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Size] = []
    allowed = threading.Event()

    def opened(_: Service, size: Size) -> Streams:
        tried.append(size)
        if not allowed.is_set():
            raise BackendError("not yet")
        return open_streams("fake", size, 4, 1)

    monkeypatch.setattr(Service, "_open_streams", opened)
    monkeypatch.setattr(networks, "RETRY_S", 0.05)

    async def scenario() -> None:
        async with clustered(0) as cluster:
            service = Service(ServeOptions(backend="fake", worker="worker1"), ROOMY, Gallery(None))
            async with reporting(service, Membership((cluster.address,), CLUSTER), "http://127.0.0.1:1"):
                await until(lambda: len(tried) > 2, "another try")
                found = cluster.registry.find("worker1")
                assert found is not None
                assert found.state == "full"
                allowed.set()
                await until(lambda: any(one.room for one in cluster.registry), "room")
            await service.close()

    run(scenario())


def test_a_worker_whose_network_hangs_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with clustered(0) as cluster, worker(cluster, "worker1") as service:
            assert report_of(service, "http://worker").room > 0
            monkeypatch.setattr(service.engine, "hangs", lambda _: True)
            assert report_of(service, "http://worker").room == 0

    run(scenario())


def test_sessions_uploads_and_viewers_work_through_the_gateway() -> None:
    async def scenario() -> None:
        async with pair() as (cluster, _, client):
            person = await client().join(Camera(), LOOK)
            await person.screen.shows(stands_before(BLUE), "the person before the backdrop")
            assert person.place.startswith("/api/sessions/worker")
            assert (await person.status())["settings"]["backdrop"] == LOOK["backdrop"]
            green = io.BytesIO()
            Image.new("RGB", (32, 18), (0, 200, 60)).save(green, "PNG")
            head = {"Content-Type": "image/png"}
            url = f"{cluster.address}{person.place}/backdrop"
            async with person.http.put(url, data=green.getvalue(), headers=head) as answer:
                assert answer.status == 200, await answer.text()
            await person.screen.shows(stands_before((0, 200, 60)), "the person before the own picture")
            publisher = await client().publish("stage", Camera(), "?backdrop=%230050f0")
            viewer = await client().view("stage")
            await viewer.screen.shows(has_person, "the person")
            assert await viewer.leave() == 200
            assert await publisher.leave() == 200
            assert await person.leave() == 204

    run(scenario())


def test_two_sessions_go_to_two_workers() -> None:
    async def scenario() -> None:
        async with pair() as (_, services, client):
            await asyncio.gather(client().join(Camera(fps=3)), client().join(Camera(fps=3)))
            assert [len(one.sessions) for one in services] == [1, 1]

    run(scenario())


def test_who_drains_gets_nobody_new_and_keeps_who_is_there() -> None:
    async def scenario() -> None:
        async with clustered(0) as cluster, worker(cluster, "worker1") as one, clients(cluster) as client:
            stays = await client().join(Camera(), LOOK)
            async with worker(cluster, "worker2") as two:
                draining = asyncio.create_task(one.drain(60.0))
                other = await client().join(Camera(fps=3))
                assert len(two.sessions) == 1, "also before the gateway has heard of it"
                await until(lambda: not any(w.state == "ready" for w in cluster.registry if w.report.name == "worker1"),
                            "the report")  # fmt: skip
                seen = stays.screen.pictures
                await until(lambda: stays.screen.pictures > seen + 5, "pictures while it drains")
                assert (await stays.status())["draining"]
                await other.leave()
                assert await stays.leave() == 204
                await asyncio.wait_for(draining, 10)

    run(scenario())


def test_the_gateway_takes_whatever_bytes_come() -> None:
    bodies = np.random.default_rng(7).bytes(20_000)

    async def scenario() -> None:
        async with clustered(1) as cluster:
            right = {"Authorization": f"Bearer {CLUSTER}", "Content-Type": "application/json"}
            good = b'{"name": "worker9", "url": "http://worker9:80", "load": 1e999}'
            for index in range(0, len(bodies), 200):
                body = good[: index % 60] + bodies[index : index + index % 200]
                with contextlib.suppress(UnicodeDecodeError):
                    assert (await cluster.ask("POST", "/cluster/workers", data=body, headers=right))[0] == 400
            for deep in (b"[" * 50_000, b'{"a":' * 20_000, b"NaN", b'"\\ud800"', b"1" * 5000):
                assert (await cluster.ask("POST", "/cluster/workers", data=deep, headers=right))[0] == 400
            assert [one.report.name for one in cluster.registry] == ["worker0"]

    run(scenario())


def test_where_only_the_worker_can_know_its_address_it_has_to_say_it() -> None:
    assert own_url(Membership((), ""), "http://127.0.0.1:80") == "http://127.0.0.1"
    assert own_url(Membership((), "", "http://10.0.0.7:8080"), "http://0.0.0.0:8080") == "http://10.0.0.7:8080"
    with pytest.raises(ConfigError, match="--advertise"):
        own_url(Membership((), ""), "http://0.0.0.0:8080")
