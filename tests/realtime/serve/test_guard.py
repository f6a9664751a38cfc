from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict

from rimlight.errors import BackdropError, BackendError, ControlError, RimlightError
from rimlight.realtime.serve import guard as guarded
from rimlight.realtime.serve.guard import Access, guard

TOKEN, VIEW, FIGURES = "t" * 32, "v" * 32, "f" * 32
LOCKED = Access(TOKEN, VIEW)
SCRAPED = Access(TOKEN, VIEW, metrics_token=FIGURES)
BEARER = {"Authorization": f"Bearer {TOKEN}"}
VIEWER = {"Authorization": f"Bearer {VIEW}"}
SCRAPER = {"Authorization": f"Bearer {FIGURES}"}
FRIEND = Access(TOKEN, VIEW, frozenset({"https://friend.example"}))


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: CIMultiDict[str]
    text: str

    @property
    def error(self) -> str:
        """The sentence for people; the body has to be the object that holds it and nothing else."""
        values = json.loads(self.text)
        assert list(values) == ["error"]
        assert self.headers["Content-Type"].startswith("application/json")
        return str(values["error"])


class RefusedError(RimlightError):
    """As the service's: it carries its answer."""

    status, retry_after_s = 503, 7


FAILURES: dict[str, Exception] = {
    "control": ControlError("there is no setting 'x'"),
    "backdrop": BackdropError("no such backdrop"),
    "refused": RefusedError("full"),
    "backend": BackendError("cannot open /home/someone/weights.onnx"),
    "bug": ZeroDivisionError("secret detail"),
    "timeout": asyncio.TimeoutError(),
    "broken": ConnectionResetError("to somewhere else"),
    "gone": web.HTTPGone(text="gone for good", headers={"Retry-After": "9"}),
    "plain": web.HTTPConflict(),
}


async def ok(_: web.Request) -> web.Response:
    return web.json_response({"ok": True}, headers={"Location": "/x"})


async def cached(_: web.Request) -> web.Response:
    return web.Response(text="picture", headers={"Cache-Control": "max-age=60"})


async def fails(request: web.Request) -> web.Response:
    raise FAILURES[request.match_info["how"]]


def application(access: Access) -> web.Application:
    app = web.Application(middlewares=[guard(access)])
    app.add_routes([
        web.get("/", ok), web.get("/watch", ok), web.get("/static/app.js", ok), web.get("/healthz", ok),
        web.get("/openapi.json", ok), web.get("/metrics", ok), web.get("/api/info", ok),
        web.get("/api/gallery/{name}.jpg", cached), web.post("/api/sessions", ok), web.get("/api/sessions/{key}", ok),
        web.patch("/api/sessions/{key}", ok), web.delete("/api/sessions/{key}", ok),
        web.post("/whip/{name}", ok), web.delete("/whip/{name}/{key}", ok), web.post("/whep/{name}", ok),
        web.delete("/whep/{name}/{key}", ok), web.get("/fail/{how}", fails),
    ])  # fmt: skip
    return app


def ask(access: Access, method: str, path: str, headers: Any = None) -> Answer:
    """The answer of a server on 127.0.0.1."""

    async def main() -> Answer:
        async with (
            TestClient(TestServer(application(access))) as client,
            client.request(method, path, headers=headers) as answer,
        ):
            return Answer(answer.status, CIMultiDict(answer.headers), await answer.text())

    return asyncio.run(main())


OPEN = [("GET", "/"), ("GET", "/watch"), ("GET", "/static/app.js"), ("GET", "/healthz"), ("GET", "/openapi.json")]
WATCHING = [("POST", "/whep/a"), ("DELETE", "/whep/a/b"), ("GET", "/api/info"), ("HEAD", "/api/info")]
CLOSED = [
    ("GET", "/metrics"), ("GET", "/api/gallery/dusk.jpg"), ("POST", "/api/sessions"), ("GET", "/api/sessions/b"),
    ("PATCH", "/api/sessions/b"), ("DELETE", "/api/sessions/b"), ("POST", "/whip/a"), ("DELETE", "/whip/a/b"),
    ("GET", "/fail/control"), ("GET", "/%61pi/sessions/b"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), OPEN)
def test_the_page_and_health_need_no_token(method: str, path: str) -> None:
    assert ask(LOCKED, method, path).status == 200


@pytest.mark.parametrize(("method", "path"), WATCHING + CLOSED)
def test_all_else_needs_a_token(method: str, path: str) -> None:
    answer = ask(LOCKED, method, path)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="rimlight"'
    assert method == "HEAD" or answer.error.startswith("no token; expected Authorization: Bearer")
    assert ask(LOCKED, method, path, BEARER).status in (200, 400)


@pytest.mark.parametrize(("method", "path"), WATCHING)
def test_the_token_of_viewers_lets_them_watch(method: str, path: str) -> None:
    assert ask(LOCKED, method, path, VIEWER).status == 200


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_the_token_of_viewers_does_nothing_else(method: str, path: str) -> None:
    answer = ask(LOCKED, method, path, VIEWER)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].endswith('error="invalid_token"')
    assert answer.error.startswith("not the right token")


def test_the_token_for_figures_is_one_of_two_that_open_them() -> None:
    assert [ask(SCRAPED, "GET", "/metrics", given).status for given in (SCRAPER, BEARER)] == [200, 200]
    assert [ask(SCRAPED, "GET", "/metrics", given).status for given in (VIEWER, None)] == [401, 401]
    assert ask(LOCKED, "GET", "/metrics", SCRAPER).status == 401


@pytest.mark.parametrize(("method", "path"), [one for one in WATCHING + CLOSED if one != ("GET", "/metrics")])
def test_the_token_for_figures_does_nothing_else(method: str, path: str) -> None:
    assert ask(SCRAPED, method, path, SCRAPER).status == 401


@pytest.mark.parametrize("path", ["/", "/api/info", "/healthz", "/nothing"])
def test_a_name_that_was_made_to_lead_here_is_refused(path: str) -> None:
    answer = ask(Access(), "GET", path, {"Host": "evil.example"})
    assert (answer.status, answer.error) == (403, "this server is reached as localhost only; use that name")


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/api/sessions"), ("OPTIONS", "/api/sessions")])
def test_a_page_of_another_server_is_refused(method: str, path: str) -> None:
    for origin in ("https://evil.example", "null"):
        answer = ask(FRIEND, method, path, BEARER | {"Origin": origin, "Access-Control-Request-Method": "POST"})
        assert answer.status == 403
        assert "origin" in answer.error
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_two_origins_are_refused() -> None:
    headers = [("Origin", "https://friend.example"), ("Origin", "https://friend.example"), *BEARER.items()]
    assert ask(FRIEND, "GET", "/api/info", headers).status == 403


def test_an_allowed_page_may_read_answers_and_errors() -> None:
    origin = {"Origin": "https://friend.example"}
    for headers, status in ((BEARER | origin, 200), (origin, 401)):
        answer = ask(FRIEND, "GET", "/api/info", headers)
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == "https://friend.example"
        assert answer.headers["Access-Control-Expose-Headers"] == "Location, Link, Retry-After"
        assert answer.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_the_servers_own_page_gets_no_cors_headers() -> None:
    async def main() -> CIMultiDict[str]:
        async with TestClient(TestServer(application(FRIEND))) as client:
            own = str(client.make_url("/").origin())
            async with client.post("/api/sessions", headers=BEARER | {"Origin": own}) as answer:
                assert answer.status == 200
                return CIMultiDict(answer.headers)

    assert "Access-Control-Allow-Origin" not in asyncio.run(main())


def test_a_preflight_is_answered_without_a_token() -> None:
    headers = {
        "Origin": "https://friend.example", "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,content-type",
    }  # fmt: skip
    answer = ask(FRIEND, "OPTIONS", "/api/sessions/b", headers)
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://friend.example"
    assert answer.headers["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, PATCH"
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert ask(FRIEND, "OPTIONS", "/nothing", headers).status == 404


def test_whip_and_whep_say_what_they_take() -> None:
    for path in ("/whip/a", "/whep/a"):
        answer = ask(LOCKED, "OPTIONS", path)
        assert (answer.status, answer.headers["Accept-Post"], answer.headers["Allow"]) == (
            200, "application/sdp", "OPTIONS, POST",
        )  # fmt: skip
    assert "Accept-Post" not in ask(LOCKED, "OPTIONS", "/whip/a/b").headers


@pytest.mark.parametrize("path", ["/", "/api/info", "/nothing", "/fail/bug", "/fail/refused", "/fail/gone"])
@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_every_answer_carries_the_headers(method: str, path: str) -> None:
    for headers in (BEARER, {}, {"Host": "evil.example"}):
        answer = ask(LOCKED, method, path, headers)
        assert answer.headers.items() >= guarded.HEADERS.items()


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    policy = dict(part.split(" ", 1) for part in guarded.HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"


def test_a_handler_may_say_how_long_its_answer_keeps() -> None:
    assert ask(LOCKED, "GET", "/api/gallery/dusk.jpg", BEARER).headers["Cache-Control"] == "max-age=60"


SAID = {
    "control": (400, "there is no setting 'x'"),
    "backdrop": (422, "no such backdrop"),
    "refused": (503, "full"),
    "gone": (410, "gone for good"),
    "plain": (409, "conflict"),
}


@pytest.mark.parametrize("how", SAID)
def test_errors_for_people_keep_their_text(how: str) -> None:
    answer = ask(Access(), "GET", f"/fail/{how}")
    assert (answer.status, answer.error) == SAID[how]
    assert answer.headers.get("Retry-After") == {"refused": "7", "gone": "9"}.get(how)


@pytest.mark.parametrize("how", ["backend", "bug", "timeout", "broken"])
def test_other_errors_are_logged_and_told_to_nobody(how: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = ask(Access(), "GET", f"/fail/{how}")
    assert (answer.status, answer.error) == (500, "internal error")
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[1] is FAILURES[how]
    assert record.__dict__["fields"] == {"method": "GET", "route": "/fail/{how}"}


def test_what_is_not_there_says_so() -> None:
    assert ask(LOCKED, "GET", "/nothing").error == "there is nothing at this address"
    answer = ask(LOCKED, "PUT", "/api/sessions/b")
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE,GET,HEAD,PATCH")
    assert answer.error == "PUT is not possible here; there are DELETE, GET, HEAD, PATCH"


def test_who_leaves_in_the_middle_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> bool:
        came, left = asyncio.Event(), asyncio.Event()

        async def read(request: web.Request) -> web.Response:
            came.set()
            return web.Response(body=await request.read())

        @web.middleware
        async def outside(request: web.Request, handler: Any) -> web.StreamResponse:
            try:
                return await handler(request)  # type: ignore[no-any-return]
            finally:
                left.set()

        app = web.Application(middlewares=[outside, guard(Access())])
        app.router.add_post("/", read)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        _, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc")
        await came.wait()
        writer.transport.abort()
        await left.wait()
        await runner.cleanup()
        return True

    assert asyncio.run(main())
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
