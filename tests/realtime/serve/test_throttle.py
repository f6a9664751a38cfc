"""How often a client may ask; clocks go when a test says so, and addresses are those of headers that a proxy wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import example, given
from hypothesis import strategies as st

from rimlight.realtime.serve import throttle as module
from rimlight.realtime.serve.guard import Access, guard
from rimlight.realtime.serve.refusals import RefusedError
from rimlight.realtime.serve.throttle import AGAIN_S, MOST_CLIENTS, OFFERS, Throttle, client_of, throttled
from tests.realtime.serve.clients import run
from tests.realtime.serve.cluster.fakes import CLUSTER, SDP, TOKEN, Clock, clustered
from tests.realtime.serve.rig import served

BEARER = {"Authorization": f"Bearer {TOKEN}"}
HERE, THERE = ({"X-Forwarded-For": address} for address in ("192.0.2.1", "2001:db8::1"))
ONE = Access(TOKEN, behind_proxy=True, cluster_token=CLUSTER, offers_per_minute=1)

Ask = Callable[..., Any]


@given(st.integers(1, 50), st.lists(st.tuples(st.floats(0, 40), st.integers(1, 30)), max_size=30))
def test_no_client_gets_more_than_a_minutes_offers_and_what_comes_back(
    per_minute: int, tries: list[tuple[float, int]]
) -> None:
    clock = Clock()
    throttle, began_s, taken = Throttle(per_minute, clock), clock.now_s, 0
    for pause_s, offers in tries:
        clock.now_s += pause_s
        taken += sum(throttle.take("a") == 0 for _ in range(offers))
        assert taken <= per_minute * (1 + (clock.now_s - began_s) / 60) + 1e-5


@given(st.integers(1, 2000), st.floats(0, 120))
@example(1, 1e-14)
def test_who_waits_as_long_as_it_is_told_is_let_in(per_minute: int, pause_s: float) -> None:
    clock = Clock()
    throttle = Throttle(per_minute, clock)
    assert [throttle.take("a") for _ in range(per_minute)] == [0] * per_minute
    clock.now_s += pause_s
    wait_s = max(throttle.take("a") for _ in range(per_minute + 1))
    assert wait_s >= AGAIN_S
    clock.now_s += wait_s
    assert throttle.take("a") == 0


def test_clients_do_not_count_for_one_another() -> None:
    throttle = Throttle(1, Clock())
    assert (throttle.take("a"), throttle.take("b")) == (0, 0)
    assert throttle.take("a")
    assert throttle.take("b")


@given(st.lists(st.booleans(), max_size=20))
def test_an_offer_that_is_given_back_was_never_made(before: list[bool]) -> None:
    with_it, without = Throttle(10, Clock()), Throttle(10, Clock())
    for throttle in (with_it, without):
        for taken in before:
            throttle.take("a") if taken else throttle.give_back("a")
    if not with_it.take("a"):
        with_it.give_back("a")
    assert [with_it.take("a") for _ in range(12)] == [without.take("a") for _ in range(12)]


def test_the_longest_silent_clients_are_forgotten_beyond_a_number() -> None:
    throttle = Throttle(1, Clock())
    throttle.take("busy")
    for number in range(2 * MOST_CLIENTS):
        throttle.take(str(number))
        assert throttle.take("busy"), "who goes on asking is remembered"
    assert len(throttle) == MOST_CLIENTS
    assert throttle.take(str(2 * MOST_CLIENTS - 1))
    assert throttle.take("0") == 0


PEERS: dict[str, str | None] = {
    "192.0.2.7": "192.0.2.7", "10.0.0.9": "10.0.0.9", "::ffff:192.0.2.7": "192.0.2.7",
    "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
    "127.0.0.1": None, "127.9.9.9": None, "::1": None, "::ffff:127.0.0.1": None, "": None, "unknown": None,
}  # fmt: skip


@pytest.mark.parametrize("peer", PEERS)
def test_a_client_is_an_address_or_the_network_of_one_but_never_this_machine(peer: str) -> None:
    assert client_of(peer, [], behind_proxy=False) == PEERS[peer]
    assert client_of("192.0.2.99", [peer], behind_proxy=True) == PEERS[peer]


FORWARDED: list[tuple[list[str], str | None]] = [
    (["192.0.2.7"], "192.0.2.7"),
    (["198.51.100.1, 192.0.2.7"], "192.0.2.7"),
    (["198.51.100.1,192.0.2.7 "], "192.0.2.7"),
    (["198.51.100.1", "192.0.2.7"], "192.0.2.7"),
    (["192.0.2.7:4711"], "192.0.2.7"),
    (["[2001:db8::7]:80"], "2001:db8::/64"),
    (["[2001:db8::7]"], "2001:db8::/64"),
    ([], None),
    ([""], None),
    (["192.0.2.7, _hidden"], None),
    (["192.0.2.7,"], None),
    (["192.0.2.7:"], None),
    (["1.2.3"], None),
]


@pytest.mark.parametrize(("headers", "client"), FORWARDED)
def test_behind_a_proxy_the_last_address_counts_and_elsewhere_none_of_them(
    headers: list[str], client: str | None
) -> None:
    assert client_of("198.51.100.9", headers, behind_proxy=True) == client
    assert client_of("198.51.100.9", headers, behind_proxy=False) == "198.51.100.9"


async def ok(_: web.Request) -> web.Response:
    return web.json_response({})


async def by_name(request: web.Request) -> web.Response:
    """Nobody publishes: as a service says it, and as a gateway passes it on."""
    if request.match_info["name"] == "raised":
        raise RefusedError(404, "nobody publishes")
    return web.json_response({"error": "nobody publishes"}, status=404)


@asynccontextmanager
async def behind_guard(access: Access, events: Counter[str], clock: Clock) -> AsyncIterator[Ask]:
    """Somebody to ask a server that has the guard, the throttle and nothing of its own: the status and Retry-After."""
    app = web.Application(middlewares=[guard(access), throttled(access, events, clock)])
    app.add_routes([
        web.get("/api/sessions", ok), web.post("/api/sessions", ok), web.patch("/api/sessions/{key}", ok),
        web.get("/api/sessions/{key}", ok), web.post("/whip/{name}", ok), web.post("/whep/{name}", by_name),
    ])  # fmt: skip
    async with TestClient(TestServer(app)) as client:

        async def ask(method: str, path: str, headers: dict[str, str]) -> tuple[int, str | None]:
            async with client.request(method, path, headers=headers) as answer:
                return answer.status, answer.headers.get("Retry-After")

        yield ask


def test_who_asked_too_often_may_ask_again_after_retry_after() -> None:
    async def scenario() -> None:
        events, clock = Counter[str](), Clock()
        async with behind_guard(ONE, events, clock) as ask:
            assert await ask("POST", "/api/sessions", BEARER | HERE) == (200, None)
            assert await ask("POST", "/whip/stage", BEARER | HERE) == (429, "60")
            assert await ask("POST", "/whip/stage", BEARER | THERE) == (200, None)
            assert events == {"asked too often": 1}
            clock.now_s += 60
            assert await ask("POST", "/whip/stage", BEARER | HERE) == (200, None)

    run(scenario())


def test_nothing_but_offers_of_those_who_may_ask_is_counted() -> None:
    async def scenario() -> None:
        events = Counter[str]()
        async with behind_guard(ONE, events, Clock()) as ask:
            for method, path in (("GET", "/api/sessions"), ("GET", "/api/sessions/x"), ("PATCH", "/api/sessions/x")):
                assert [await ask(method, path, BEARER | HERE) for _ in range(3)] == [(200, None)] * 3
            for headers in (HERE, HERE | {"Authorization": "Bearer wrong"}):
                assert [await ask("POST", "/api/sessions", headers) for _ in range(3)] == [(401, None)] * 3
            assert await ask("OPTIONS", "/whip/stage", BEARER | HERE) == (200, None)
            assert await ask("POST", "/api/sessions", BEARER | HERE) == (200, None)
            assert not events

    run(scenario())


@pytest.mark.parametrize("name", ["raised", "passed-on"])
def test_who_waits_for_a_video_to_begin_may_ask_any_number_of_times(name: str) -> None:
    async def scenario() -> None:
        async with behind_guard(ONE, Counter(), Clock()) as ask:
            assert [await ask("POST", f"/whep/{name}", BEARER | HERE) for _ in range(3)] == [(404, None)] * 3
            assert await ask("POST", "/api/sessions", BEARER | HERE) == (200, None)
            assert (await ask("POST", f"/whep/{name}", BEARER | HERE))[0] == 429

    run(scenario())


@pytest.mark.parametrize(
    ("access", "headers"),
    [
        (Access(TOKEN, behind_proxy=True, offers_per_minute=0), HERE),
        (Access(TOKEN, behind_proxy=True, offers_per_minute=1), {}),
        (Access(TOKEN, offers_per_minute=1), HERE),
    ],
    ids=["no-limit", "a-proxy-that-does-not-tell", "this-machine"],
)
def test_offers_are_not_counted_where_no_client_is_known_or_no_limit_is_set(
    access: Access, headers: dict[str, str]
) -> None:
    async def scenario() -> None:
        async with behind_guard(access, Counter(), Clock()) as ask:
            assert [await ask("POST", "/api/sessions", BEARER | headers) for _ in range(3)] == [(200, None)] * 3

    run(scenario())


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time passes for throttles."""
    monkeypatch.setattr(module, "Throttle", lambda per_minute, _: Throttle(per_minute, Clock()))


BODIES: list[dict[str, Any]] = [{"json": {"sdp": "v=0"}}, *[{"data": b"v=0", "headers": SDP}] * 2]
PATHS = [(path.format(name="stage"), body) for path, body in zip(OFFERS, BODIES, strict=True)]


@pytest.mark.usefixtures("still")
def test_a_service_refuses_who_asks_too_often_and_counts_it() -> None:
    async def scenario() -> None:
        async with served(access=ONE) as rig:
            http = rig.client().http
            for number, (path, options) in enumerate(PATHS):
                statuses = []
                headers = BEARER | options.get("headers", {}) | {"X-Forwarded-For": f"192.0.2.{number}"}
                for _ in range(2):
                    async with http.post(rig.address + path, **(options | {"headers": headers})) as answer:
                        statuses.append((answer.status, list(await answer.json())))
                watches = path.startswith("/whep")  # nobody publishes there
                assert statuses == ([(404, ["error"])] * 2 if watches else [(400, ["error"]), (429, ["error"])])
            async with http.get(f"{rig.address}/metrics", headers=BEARER) as answer:
                assert 'rimlight_serve_events_total{event="asked_too_often"} 2.0' in await answer.text()

    run(scenario())


@pytest.mark.usefixtures("still")
def test_a_gateway_refuses_before_it_asks_a_worker_and_counts_it() -> None:
    async def scenario() -> None:
        async with clustered(1, access=ONE) as cluster:
            (worker,) = cluster.workers
            cluster.hear(worker.report(names=("stage",)))
            for number, (path, options) in enumerate(PATHS):
                headers = options.get("headers", {}) | {"X-Forwarded-For": f"192.0.2.{number}"}
                answers = [await cluster.ask("POST", path, **(options | {"headers": headers})) for _ in range(3)]
                assert [status for status, _, _ in answers] == [201, 429, 429]
                assert answers[1][1]["Retry-After"] == "60"
                assert list(answers[1][2]) == ["error"]
                assert len(worker.asked) == number + 1
            assert (
                'rimlight_gateway_events_total{event="asked_too_often"} 6.0'
                in (await cluster.ask("GET", "/metrics"))[2]
            )

    run(scenario())


@pytest.mark.usefixtures("still")
def test_a_worker_does_not_count_because_its_gateways_did() -> None:
    async def scenario() -> None:
        async with served(access=ONE, worker="worker0") as rig:
            http = rig.client().http
            for _ in range(3):
                async with http.post(f"{rig.address}/whip/a", data=b"v=0", headers=BEARER | SDP | HERE) as answer:
                    assert answer.status == 400

    run(scenario())
