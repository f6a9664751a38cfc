"""`rimlight serve` as a program: what signals do to it, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable

import aiohttp
import pytest

from tests.realtime.serve.clients import Camera, people, run, until

pytest.importorskip("psutil", reason="psutil (extra bench) is not installed")
if sys.platform == "win32":
    pytest.skip("there are no such signals", allow_module_level=True)

from rimlight.benchmarks.serve_child import Child

OPTIONS = ["--backend", "fake", "--max-sessions", "4"]


async def health(http: aiohttp.ClientSession, address: str) -> int | None:
    """The status of /healthz, None where nobody answers."""
    try:
        async with http.get(f"{address}/healthz") as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return None


def with_somebody_inside(drain_s: int, then: Callable[[Child], None], *, leaves: bool) -> Child:
    """Send signals to a service while somebody is inside; leaves: they go once the service drains."""

    async def scenario(child: Child) -> None:
        async with people(child.address) as client:
            person = await client().join(Camera(96, 160))
            await until(lambda: person.screen.pictures, "a picture")
            then(child)
            if leaves:
                statuses: list[int | None] = []
                while 503 not in statuses:
                    statuses.append(await health(person.http, child.address))
                seen = person.screen.pictures
                await until(lambda: person.screen.pictures > seen + 3, "pictures while it drains")
                assert child.running
                assert await person.leave() == 204
            await until(lambda: not child.running, "its end")

    with Child([*OPTIONS, "--drain", str(drain_s)]) as child:
        run(scenario(child))
    return child


def send(*numbers: int) -> Callable[[Child], None]:
    def then(child: Child) -> None:
        for number in numbers:
            os.kill(child.pid, number)

    return then


def test_sigterm_waits_until_all_have_left() -> None:
    child = with_somebody_inside(600, send(signal.SIGTERM), leaves=True)
    assert child.stop() == 0
    assert not any("Traceback" in line for line in child.last_lines)


@pytest.mark.parametrize(
    ("drain_s", "numbers"),
    [(0, [signal.SIGTERM]), (600, [signal.SIGINT]), (600, [signal.SIGTERM, signal.SIGINT])],
    ids=["drain 0", "ctrl-c", "twice"],
)
def test_it_ends_at_once_where_it_should(drain_s: int, numbers: list[int]) -> None:
    child = with_somebody_inside(drain_s, send(*numbers), leaves=False)
    assert child.stop() == 0
    assert not any("Traceback" in line for line in child.last_lines)


def test_a_port_that_is_taken_is_one_line() -> None:
    async def taken() -> tuple[str, str]:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from rimlight.cli import main; main()", "serve", "--port", str(port), *OPTIONS,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        _, said = await asyncio.wait_for(process.communicate(), 60)
        server.close()
        assert process.returncode == 2
        return str(port), said.decode()

    port, said = run(taken())
    assert f"127.0.0.1:{port} cannot be listened on" in said
    assert "Traceback" not in said


def test_it_ends_well_while_a_network_is_being_opened() -> None:
    pytest.importorskip("openvino", reason="the openvino extra is not installed")
    with Child(["--backend", "openvino"]) as child:
        os.kill(child.pid, signal.SIGTERM)
        run(until(lambda: not child.running, "its end"))
    assert child.stop() == 0, child.last_lines
