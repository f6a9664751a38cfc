"""That a worker's reports arrive, whatever becomes of a gateway, of its name or of another gateway."""

from __future__ import annotations

import asyncio

import pytest

from rimlight.realtime.serve.cluster import member
from rimlight.realtime.serve.cluster.member import Membership, reporting
from rimlight.realtime.serve.gallery import Gallery
from rimlight.realtime.serve.options import ServeOptions
from rimlight.realtime.serve.service import Service
from tests.realtime.serve.clients import run, until
from tests.realtime.serve.cluster.fakes import CLUSTER, clustered
from tests.realtime.serve.cluster.members import worker
from tests.realtime.serve.rig import ROOMY


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "REPORT_S", 0.05)


def test_a_worker_that_was_not_heard_goes_on_telling() -> None:
    async def scenario() -> None:
        async with clustered(0) as cluster, worker(cluster, "worker1"):
            for _ in range(2):
                found = cluster.registry.find("worker1")
                assert found is not None
                cluster.registry.lose(found)  # as a gateway that was started again
                await until(lambda: cluster.registry.find("worker1"), "the next report")

    run(scenario())


def test_a_gateway_that_does_not_answer_takes_no_report_from_another_one() -> None:
    async def scenario() -> None:
        came, released = asyncio.Event(), asyncio.Event()
        said: list[bytes] = []

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.set()
            while part := await reader.read(65536):
                said.append(part)
            released.set()  # it was given up
            writer.close()

        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        silent = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with clustered(0) as cluster:
            service = Service(ServeOptions(backend="fake", worker="worker1"), ROOMY, Gallery(None))
            both = Membership((silent, cluster.address), CLUSTER)
            async with reporting(service, both, "http://127.0.0.1:1"):
                await came.wait()
                for _ in range(3):
                    await until(lambda: cluster.registry.find("worker1"), "the next report")
                    found = cluster.registry.find("worker1")
                    assert found is not None
                    cluster.registry.lose(found)
                assert not released.is_set(), "the others' reports did not wait for the first to be given up"
            await service.close()
        server.close()
        await server.wait_closed()

    run(scenario())


def test_a_gateways_name_that_is_not_found_any_more_means_what_it_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        look, asked = loop.getaddrinfo, asyncio.Event()

        async def never(*_: object, **__: object) -> object:
            asked.set()
            return await loop.create_future()

        async def fails(*_: object, **__: object) -> object:
            raise OSError("no answer")

        async with clustered(0) as cluster, worker(cluster, "worker1"):
            for broken in (fails, never):
                monkeypatch.setattr(loop, "getaddrinfo", broken)
                for _ in range(3):
                    found = cluster.registry.find("worker1")
                    assert found is not None
                    cluster.registry.lose(found)
                    await until(lambda: cluster.registry.find("worker1"), "the next report")
            await asked.wait()
            monkeypatch.setattr(loop, "getaddrinfo", look)

    run(scenario())


def test_a_worker_with_another_token_is_not_heard_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with clustered(0) as cluster:
            service = Service(ServeOptions(backend="fake", worker="worker1"), ROOMY, Gallery(None))
            wrong = Membership((cluster.address, "http://127.0.0.1:9"), "wrong-token-0123456789")
            async with reporting(service, wrong, "http://127.0.0.1:1"):
                await until(lambda: caplog.text.count("gateway does not hear") == 2, "the warnings")
            await service.close()
            assert cluster.registry.find("worker1") is None

    run(scenario())
    reasons = {record.fields["reason"] for record in caplog.records if "reason" in getattr(record, "fields", {})}  # type: ignore[attr-defined]
    assert "it answers 401" in reasons
    assert "wrong-token" not in caplog.text
