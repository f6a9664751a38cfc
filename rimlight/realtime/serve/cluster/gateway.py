"""The gateway's HTTP side: the addresses of the service, answered by workers; and where workers tell of themselves.

It serves the pages itself, looks at tokens, origins and sizes itself, and passes on what is left. Media never comes
here: it goes straight between a client and its worker.
"""

from __future__ import annotations

from aiohttp import web

from rimlight.realtime.serve.bodies import JSON_BYTES, read_body, read_json
from rimlight.realtime.serve.cluster import figures
from rimlight.realtime.serve.cluster.forward import Question
from rimlight.realtime.serve.cluster.placing import Gateway
from rimlight.realtime.serve.cluster.report import read_report
from rimlight.realtime.serve.guard import Access, guard
from rimlight.realtime.serve.pages import add_pages
from rimlight.realtime.serve.paths import KEY, NAME, WORKERS
from rimlight.realtime.serve.throttle import throttled

GATEWAY: web.AppKey[Gateway] = web.AppKey("gateway", Gateway)
UPLOADING: web.AppKey[list[None]] = web.AppKey("uploading", list)
LOOK_S = 2.5  # for what is answered at once: a session's state, which is asked for each second, and what is alike
UPLOAD_BYTES = 10 * 2**20  # as workers take them
MOST_UPLOADS = 8  # pictures that are held at once


def make_gateway(gateway: Gateway, access: Access) -> web.Application:
    """The application; what may come in is decided by access before any handler runs."""
    inner = throttled(access, gateway.registry.events)
    app = web.Application(middlewares=[guard(access), inner], client_max_size=JSON_BYTES)
    app[GATEWAY], app[UPLOADING] = gateway, []
    add_pages(app.router)
    session = f"/api/sessions/{KEY}"
    app.add_routes(
        [
            web.post(WORKERS, hear_worker),
            web.get("/healthz", healthz),
            web.get("/metrics", metrics),
            web.get("/openapi.json", ask_anyone),
            web.get("/api/info", ask_anyone),
            web.get(f"/api/gallery/{NAME}.jpg", ask_anyone),
            web.post("/api/sessions", place_session),
            web.get(session, ask_owner),
            web.patch(session, ask_owner),
            web.delete(session, ask_owner),
            web.put(f"{session}/backdrop", upload),
            web.post(f"/whip/{NAME}", place_session),
            web.delete(f"/whip/{NAME}/{KEY}", ask_owner),
            web.post(f"/whep/{NAME}", ask_publisher),
            web.delete(f"/whep/{NAME}/{KEY}", ask_publisher),
        ]
    )
    return app


async def hear_worker(request: web.Request) -> web.Response:
    """A worker says how it is."""
    request.app[GATEWAY].registry.hear(read_report(await read_json(request)))
    return web.Response(status=204)


async def healthz(request: web.Request) -> web.Response:
    """That the gateway runs, with or without workers: they could not come if it were called ill without them."""
    workers = [one.state for one in request.app[GATEWAY].registry]
    return web.json_response({"status": "ok", "workers": len(workers), "ready": workers.count("ready")})


async def metrics(request: web.Request) -> web.Response:
    """Figures for Prometheus."""
    text = figures.exposition(request.app[GATEWAY].registry)
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def ask_anyone(request: web.Request) -> web.Response:
    """What every worker answers alike."""
    return (await request.app[GATEWAY].anyone(Question("GET", _path(request), within_s=LOOK_S))).response()


async def place_session(request: web.Request) -> web.Response:
    """An offer of the page or of WHIP: to who has room."""
    question = await _question(request)
    return (await request.app[GATEWAY].place(question, request.match_info.get("name"))).response()


async def ask_owner(request: web.Request) -> web.Response:
    """To the worker that the session's id tells."""
    return (await request.app[GATEWAY].owner(request.match_info["key"], await _question(request))).response()


async def ask_publisher(request: web.Request) -> web.Response:
    """WHEP: to the worker where the video is."""
    return (await request.app[GATEWAY].publisher(request.match_info["name"], await _question(request))).response()


async def upload(request: web.Request) -> web.Response:
    """A picture to stand behind the person, for the worker of the session alone: it is gone with it."""
    inside = request.app[UPLOADING]
    if len(inside) >= MOST_UPLOADS:
        raise web.HTTPServiceUnavailable(text="too many pictures at once; try again", headers={"Retry-After": "2"})
    inside.append(None)
    try:
        question = await _question(request, UPLOAD_BYTES)
        return (await request.app[GATEWAY].owner(request.match_info["key"], question)).response()
    finally:
        inside.pop()


async def _question(request: web.Request, limit: int = JSON_BYTES) -> Question:
    """The request as it is passed on, its body read within limits."""
    question = Question(
        request.method, _path(request), dict(request.query), await read_body(request, limit) or None,
        request.headers.get("Content-Type"),
    )  # fmt: skip
    if request.method != "GET":
        return question
    return Question("GET", question.path, within_s=LOOK_S)


def _path(request: web.Request) -> str:
    """The path, put together from what the router matched: letters, digits, - and _ only."""
    resource = request.match_info.route.resource
    assert resource is not None
    return resource.canonical.format(**request.match_info)
