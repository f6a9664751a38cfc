"""A thousand requests that nobody should send: each is refused, and the service works on as if nothing had been."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.realtime.serve.clients import Camera, Client, people, run, until
from tests.realtime.serve.malformed import requests
from tests.realtime.serve.wrong import Target, Wrong, raw

psutil = pytest.importorskip("psutil", reason="psutil (extra bench) is not installed")

from rimlight.benchmarks.serve_child import Child  # noqa: E402 - it needs psutil

AT_ONCE = 8
ANSWER_S = 40.0
MOST_MIB = 150  # that a thousand requests may leave behind; a bomb that went off would leave gigabytes


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    """A service as people run it."""
    options = ["--backend", "fake", "--max-sessions", "3", "--idle", "60", "--drain", "0"]
    with Child(options) as child:
        yield child


async def answer_to(host: str, wrong: Wrong) -> bytes:
    """The head of what comes back, b"" where the connection was closed without a word."""
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    try:
        writer.write(wrong.raw)
        if wrong.half:
            writer.write_eof()
        try:
            return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_S)
        except asyncio.IncompleteReadError as end:
            return end.partial
        except ConnectionResetError:
            return b""
    finally:
        writer.close()


def judged(wrong: Wrong, answer: bytes) -> str:
    """What is off about an answer, "" if nothing is."""
    if not answer:
        return "" if wrong.silent else "no answer"
    status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/1.") else b"none"
    return "" if status[:1] == b"4" and len(status) == 3 else f"answered with {answer[:80]!r}"


async def send_all(host: str, wrongs: list[Wrong]) -> list[str]:
    """Send them, some at once; what was off, one line each."""
    gate, off = asyncio.Semaphore(AT_ONCE), []

    async def send(wrong: Wrong) -> None:
        async with gate:
            try:
                told = judged(wrong, await answer_to(host, wrong))
            except (asyncio.TimeoutError, BrokenPipeError) as error:
                told = type(error).__name__
            if told:
                off.append(f"{wrong.kind}: {told} for {wrong.raw[:150]!r}")

    await asyncio.gather(*map(send, wrongs))
    return off


async def works(client: Client) -> None:
    """Whether somebody who does all right gets a session and pictures."""
    async with client.http.get(f"{client.address}/healthz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})
    await client.join(Camera(96, 160))
    await until(lambda: client.screen.pictures > 5, "pictures")
    assert await client.leave() == 204


def test_a_thousand_malformed_requests_are_refused_and_do_no_harm(child: Child) -> None:
    async def scenario() -> None:
        async with people(child.address) as client:
            await works(client())
            holder = client()
            await holder.join(Camera(96, 160, fps=5))
            publisher = await client().publish("fuzz", Camera(96, 160, fps=5))  # or no offer of a viewer would be read
            rss_mib = psutil.Process(child.pid).memory_info().rss / 2**20
            host = child.address.removeprefix("http://")
            offer = await client().offer(Camera())
            off = await send_all(host, requests(Target(host, holder.place.rsplit("/", 1)[1], offer), seed=7))
            assert off == []
            assert (await holder.status())["state"] in ("live", "degraded", "cover")
            grown_mib = psutil.Process(child.pid).memory_info().rss / 2**20 - rss_mib
            await works(client())
            await holder.leave()
            await publisher.leave()
            assert grown_mib < MOST_MIB

    run(scenario(), 300)
    assert child.running


@pytest.mark.slow
def test_bodies_that_never_end_are_given_up(child: Child) -> None:
    """Takes as long as the service waits for a body."""

    async def scenario() -> None:
        host = child.address.removeprefix("http://")
        target = Target(host, "none", "")
        slow = raw(target, "POST", "/api/sessions", b"{" * 100, "application/json")[:-50]
        drops = raw(target, "POST", "/whip/slow", b"v=0\r\n" * 1000, "application/sdp")[:400]
        async with people(child.address) as client:
            waiting = asyncio.gather(*(answer_to(host, Wrong("slow", one)) for one in (slow, drops) * 5))
            await works(client())
            assert all(answer.startswith(b"HTTP/1.1 408") for answer in await waiting)

    run(scenario())


def test_the_requests_are_the_same_for_a_seed() -> None:
    target = Target("127.0.0.1:1", "key", "v=0\r\nm=video 9 X 96\r\n")
    assert requests(target, 3) == requests(target, 3)
    assert requests(target, 3) != requests(target, 4)


def test_the_judge_sees_what_is_off() -> None:
    wrong = Wrong("path", b"GET")
    assert judged(wrong, b"HTTP/1.1 404 Not Found\r\n\r\n") == ""
    assert judged(wrong, b"HTTP/1.1 500 Internal Server Error\r\n\r\n")
    assert judged(wrong, b"HTTP/1.1 200 OK\r\n\r\n")
    assert judged(wrong, b"")
    assert judged(Wrong("garbage", b"", silent=True), b"") == ""
    assert judged(Wrong("garbage", b"", silent=True), b"nonsense")
