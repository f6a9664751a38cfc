"""What ends a session, who is turned away, and what happens when the network breaks or hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from rimlight.backends.streams import OneByOne, Streams, open_streams
from rimlight.errors import BackendError
from rimlight.realtime.serve import service as service_module
from rimlight.realtime.serve.capacity import Capacity, Costs
from rimlight.realtime.serve.options import Bounds
from rimlight.types import Coefficients, FloatArray, Size
from tests.realtime.serve.clients import Camera, Client, Refused, run, until
from tests.realtime.serve.rig import BACKDROP, Rig, has_person, is_covered, leaked, served

SLOW = 3  # frames a second, where pictures do not matter


async def refused(client: Client) -> tuple[int, str | None]:
    """Status and Retry-After of an attempt to open a session."""
    offer = {"sdp": await client.offer(Camera())}
    async with client.http.post(f"{client.address}/api/sessions", json=offer) as answer:
        assert set(await answer.json()) == {"error"}
        return answer.status, answer.headers.get("Retry-After")


async def ends(rig: Rig, client: Client) -> None:
    """Wait until the service has ended the session, and look that it is gone for all."""
    await until(lambda: not rig.service.sessions, "the session's end")
    async with client.http.get(rig.address + client.place) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("capacity", [Capacity(Costs(1e-12, 1e-12), 2.0, most=1), Capacity(Costs(1e-6, 1e-8), 2.0)])
def test_who_finds_no_room_is_told_when_to_come_back(capacity: Capacity) -> None:
    async def scenario() -> None:
        async with served(capacity=capacity, retry_after_s=7) as rig:
            first = await rig.client().join(Camera(fps=SLOW))
            assert await refused(rig.client()) == (503, "7")
            assert len(rig.service.sessions) == 1
            assert await first.leave() == 204
            await rig.client().join(Camera(fps=SLOW))

    run(scenario())


def test_a_name_belongs_to_one_publisher_at_a_time() -> None:
    async def scenario() -> None:
        async with served() as rig:
            first = await rig.client().publish("stage", Camera(fps=SLOW))
            with pytest.raises(Refused, match="409"):
                await rig.client().publish("stage", Camera(fps=SLOW))
            assert await first.leave() == 200
            await rig.client().publish("stage", Camera(fps=SLOW))

    run(scenario())


def test_viewers_are_counted() -> None:
    async def scenario() -> None:
        async with served(Bounds(viewers=1)) as rig:
            publisher = await rig.client().publish("stage", Camera(fps=SLOW))
            viewer = await rig.client().view("stage")
            assert (await publisher.http.get(f"{rig.address}/metrics")).status == 200
            with pytest.raises(Refused, match=r"503.*as many viewers"):
                await rig.client().view("stage")
            assert await viewer.leave() == 200
            await rig.client().view("stage")

    run(scenario())


def test_a_session_without_frames_ends() -> None:
    async def scenario() -> None:
        async with served(Bounds(idle_s=3)) as rig:
            camera = Camera()
            client = await rig.client().join(camera, {"backdrop": BACKDROP})
            await client.screen.shows(has_person, "the person")
            camera.off.set()
            await ends(rig, client)

    run(scenario())


def test_a_session_that_never_connects_ends() -> None:
    async def scenario() -> None:
        async with served(Bounds(connect_s=1)) as rig:
            client = rig.client()
            await client.only_offer(Camera())
            assert len(rig.service.sessions) == 1
            await ends(rig, client)

    run(scenario())


def test_a_session_lasts_only_so_long() -> None:
    async def scenario() -> None:
        async with served(Bounds(duration_s=2)) as rig:
            client = await rig.client().join(Camera())
            assert (await client.status())["left_s"] <= 2
            await ends(rig, client)

    run(scenario())


def test_who_closes_without_a_word_is_gone_soon() -> None:
    async def scenario() -> None:
        async with served(Bounds(idle_s=600)) as rig:
            client = await rig.client().join(Camera())
            await until(lambda: client.screen.pictures, "a picture")
            await client.close()
            await ends(rig, client)

    run(scenario())


def test_who_vanishes_is_gone_after_the_idle_time() -> None:
    async def scenario() -> None:
        async with served(Bounds(idle_s=3)) as rig:
            client = await rig.client().join(Camera())
            await until(lambda: client.screen.pictures, "a picture")
            await client.vanish()
            await ends(rig, client)

    run(scenario())


def test_draining_lets_nobody_in_and_waits_for_those_inside() -> None:
    async def scenario() -> None:
        async with served() as rig:
            client = await rig.client().join(Camera())
            await until(lambda: client.screen.pictures, "a picture")
            drain = asyncio.ensure_future(rig.service.drain(600))
            await until(lambda: rig.service.draining, "draining")
            assert (await refused(rig.client()))[0] == 503
            async with client.http.get(f"{rig.address}/healthz") as answer:
                assert (answer.status, await answer.json()) == (503, {"status": "draining"})
            assert (await client.status())["draining"] is True
            seen = client.screen.pictures
            await until(lambda: client.screen.pictures > seen + 5, "more pictures")
            assert not drain.done()
            await client.leave()
            await drain

    run(scenario())


def test_draining_ends_after_its_time() -> None:
    async def scenario() -> None:
        async with served() as rig:
            await rig.client().join(Camera())
            await rig.service.drain(0.5)
            assert rig.service.sessions

    run(scenario())


class Breaking(Streams):
    """The fake network, which hangs or fails as told."""

    name = "breaking"
    hang = threading.Event()
    fail = threading.Event()
    release = threading.Event()

    def __init__(self, size: Size) -> None:
        super().__init__(size, 8, 4)
        self._inner = OneByOne("fake", size, 8, 4)

    @property
    def device(self) -> str:
        return "a test"

    def _call(self, images: FloatArray, slots: Sequence[int], own: Sequence[float]) -> list[Coefficients]:
        raise NotImplementedError

    def step(self, images: FloatArray, slots: Sequence[int], cuts: Sequence[bool]) -> list[Coefficients]:
        if self.hang.is_set():
            self.release.wait(60)
        if self.fail.is_set():
            raise BackendError("the network failed")
        return self._inner.step(images, slots, cuts)

    def forget(self, slot: int) -> None:
        self._inner.forget(slot)


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> type[Breaking]:
    for flag in (Breaking.hang, Breaking.fail, Breaking.release):
        flag.clear()
    monkeypatch.setattr(service_module, "open_streams", lambda _name, size, *_, **__: Breaking(size))
    return Breaking


def test_a_network_that_hangs_is_covered_and_replaced(breaking: type[Breaking]) -> None:
    async def scenario() -> None:
        async with served(hang_s=1.0) as rig:
            seen: list[int] = []
            client = await rig.client(lambda picture: seen.append(leaked(picture))).join(
                Camera(), {"backdrop": BACKDROP}
            )
            await client.screen.shows(has_person, "the person")
            before = rig.service.engine
            breaking.hang.set()
            await client.screen.shows(is_covered, "the cover")
            await until(lambda: rig.service.engine is not before, "another engine")
            breaking.hang.clear()
            await client.screen.shows(has_person, "the person again")
            assert sum(seen) == 0
            async with client.http.get(f"{rig.address}/healthz") as answer:
                assert answer.status == 200
            breaking.release.set()

    run(scenario())


def test_a_network_that_fails_is_covered_with_the_reason(breaking: type[Breaking]) -> None:
    async def scenario() -> None:
        async with served() as rig:
            client = await rig.client().join(Camera(), {"backdrop": BACKDROP})
            await client.screen.shows(has_person, "the person")
            breaking.fail.set()
            await client.screen.shows(is_covered, "the cover")
            status = await client.status()
            assert (status["state"], status["reason"]) == ("cover", "the network failed")
            breaking.fail.clear()
            await client.screen.shows(has_person, "the person again")

    run(scenario())


def test_a_network_that_cannot_be_opened_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def opened(_: str, size: Size, *__: object, **___: object) -> Streams:
        tried.append(1)
        if len(tried) == 1:
            raise BackendError("no such device today")
        return open_streams("fake", size, 8, 4)

    monkeypatch.setattr(service_module, "open_streams", opened)

    async def scenario() -> None:
        async with served() as rig:
            covered: list[bool] = []
            client = await rig.client(lambda picture: covered.append(is_covered(picture))).join(
                Camera(), {"backdrop": BACKDROP}
            )
            await client.screen.shows(has_person, "the person")
            assert len(tried) > 1
            assert covered[0]

    run(scenario())
