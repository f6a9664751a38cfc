"""The HTTP side: the page, its API, WHIP and WHEP (RFC 9725; draft-ietf-wish-whep), figures and health.

Handlers only translate: what is asked goes to the service, what it says or refuses goes back.
"""

from __future__ import annotations

import asyncio
import json

from aiohttp import web

from rimlight import __version__
from rimlight.errors import ControlError
from rimlight.realtime.serve import figures
from rimlight.realtime.serve.bodies import JSON_BYTES, read_json, read_text
from rimlight.realtime.serve.description import description
from rimlight.realtime.serve.guard import Access, guard
from rimlight.realtime.serve.measures import LONG_SIDES, Look, changed, from_query
from rimlight.realtime.serve.pages import add_pages, constant
from rimlight.realtime.serve.paths import KEY, NAME, STREAM
from rimlight.realtime.serve.refusals import RefusedError
from rimlight.realtime.serve.service import Service
from rimlight.realtime.serve.throttle import throttled
from rimlight.realtime.serve.uploads import Limits, Uploads

SERVICE: web.AppKey[Service] = web.AppKey("service", Service)
UPLOADS: web.AppKey[Uploads] = web.AppKey("uploads", Uploads)
SDP = "application/sdp"


def make_app(service: Service, access: Access) -> web.Application:
    """The application; what may come in is decided by access before any handler runs."""
    alone = not service.options.worker  # a worker's clients are gateways, which have counted
    inner = [throttled(access, service.events)] if alone else []
    app = web.Application(middlewares=[guard(access), *inner], client_max_size=JSON_BYTES)
    app[SERVICE] = service
    bounds = service.options.bounds
    app[UPLOADS] = Uploads(Limits(bounds.upload_bytes, bounds.upload_pixels))
    app.on_cleanup.append(_close_uploads)
    add_pages(app.router)
    described = json.dumps(description(service.gallery.names(), locked=access.token is not None)).encode()
    app.router.add_get("/openapi.json", constant(described, "application/json"))
    app.add_routes(
        [
            web.get("/healthz", healthz),
            web.get("/metrics", metrics),
            web.get("/api/info", info),
            web.get(f"/api/gallery/{NAME}.jpg", thumbnail),
            web.post("/api/sessions", open_session),
            web.get(f"/api/sessions/{KEY}", session_status),
            web.patch(f"/api/sessions/{KEY}", change_session),
            web.put(f"/api/sessions/{KEY}/backdrop", upload_backdrop),
            web.delete(f"/api/sessions/{KEY}", close_session),
            web.post(f"/whip/{NAME}", whip_publish),
            web.delete(f"/whip/{NAME}/{KEY}", whip_end),
            web.post(f"/whep/{NAME}", whep_view),
            web.delete(f"/whep/{NAME}/{KEY}", whep_end),
        ]
    )
    return app


async def _close_uploads(app: web.Application) -> None:
    app[UPLOADS].close()


async def healthz(request: web.Request) -> web.Response:
    """Whether this server takes anybody new."""
    service = request.app[SERVICE]
    if service.draining:
        return web.json_response({"status": "draining"}, status=503)
    if service.engine.hangs(service.options.hang_s):
        return web.json_response({"status": "the network hangs"}, status=503)
    return web.json_response({"status": "ok"})


async def metrics(request: web.Request) -> web.Response:
    """Figures for Prometheus."""
    text = figures.exposition(request.app[SERVICE])
    return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def info(request: web.Request) -> web.Response:
    """What the page needs to know before it connects."""
    service = request.app[SERVICE]
    bounds = service.options.bounds
    servers = [
        {"urls": [one.urls], "username": one.username, "credential": one.credential}
        for one in service.options.ice_servers
    ]
    return web.json_response(
        {
            "version": __version__,
            "ice_servers": [{name: value for name, value in one.items() if value is not None} for one in servers],
            "gallery": [{"name": name, "title": service.gallery.title(name)} for name in service.gallery.names()],
            "qualities": list(LONG_SIDES),
            "limits": {
                "upload_bytes": bounds.upload_bytes, "upload_pixels": bounds.upload_pixels,
                "height": bounds.largest.height, "width": bounds.largest.width, "fps": bounds.fps,
                "duration_s": bounds.duration_s, "idle_s": bounds.idle_s,
            },
            "defaults": Look().as_json(),
        }
    )  # fmt: skip


async def thumbnail(request: web.Request) -> web.Response:
    """A small picture of a backdrop of the gallery."""
    service, name = request.app[SERVICE], request.match_info["name"]
    if name not in service.gallery.names():
        raise RefusedError(404, f"there is no backdrop {name} in the gallery")
    picture = await asyncio.to_thread(service.gallery.thumbnail, name)
    return web.Response(body=picture, content_type="image/jpeg", headers={"Cache-Control": "max-age=86400"})


async def open_session(request: web.Request) -> web.Response:
    """A person's offer; the answer sends the picture back."""
    service, values = request.app[SERVICE], await _object(request)
    sdp, settings = values.get("sdp"), values.get("settings", {})
    if not isinstance(sdp, str) or set(values) - {"sdp", "settings", "watch"}:
        raise ControlError('expected an object with "sdp", a text, and if wanted "settings" and "watch"')
    look = changed(Look(), settings, gallery=service.gallery.names())
    session, answer = await service.publish(sdp, look, _name_before(values))
    return web.json_response(
        {"id": session.id, "sdp": answer, "watch": session.name, "settings": session.look.as_json()},
        status=201, headers={"Location": f"/api/sessions/{session.id}"},
    )  # fmt: skip


async def session_status(request: web.Request) -> web.Response:
    """What a session does now."""
    return web.json_response(request.app[SERVICE].session(request.match_info["key"]).status())


async def change_session(request: web.Request) -> web.Response:
    """Change how a session looks."""
    service = request.app[SERVICE]
    session = service.session(request.match_info["key"])
    look = await service.change(session, await read_json(request))
    return web.json_response({"settings": look.as_json()})


async def upload_backdrop(request: web.Request) -> web.Response:
    """A picture to stand behind the person."""
    service = request.app[SERVICE]
    session = service.session(request.match_info["key"])
    look = await service.upload(session, await request.app[UPLOADS].receive(request))
    return web.json_response({"settings": look.as_json()})


async def close_session(request: web.Request) -> web.Response:
    """The person leaves."""
    service = request.app[SERVICE]
    await service.end(service.session(request.match_info["key"]), "the client left")
    return web.Response(status=204)


async def whip_publish(request: web.Request) -> web.Response:
    """WHIP: publish under a name (RFC 9725, section 4.2); settings may stand in the query."""
    service, name = request.app[SERVICE], request.match_info["name"]
    look = changed(Look(), from_query(request.query), gallery=service.gallery.names())
    session, answer = await service.publish(await read_text(request, SDP), look, name)
    return _answered(service, answer, f"/whip/{name}/{session.id}")


async def whip_end(request: web.Request) -> web.Response:
    """WHIP: stop publishing (RFC 9725, section 4.2)."""
    service = request.app[SERVICE]
    session = service.session(request.match_info["key"])
    if session.name != request.match_info["name"]:
        raise RefusedError(404, "there is no such session; it may have ended")
    await service.end(session, "the client left")
    return web.Response()


async def whep_view(request: web.Request) -> web.Response:
    """WHEP: watch what is published under a name."""
    service, name = request.app[SERVICE], request.match_info["name"]
    _, viewer, answer = await service.view(await read_text(request, SDP), name)
    return _answered(service, answer, f"/whep/{name}/{viewer}")


async def whep_end(request: web.Request) -> web.Response:
    """WHEP: stop watching."""
    session = request.app[SERVICE].names.get(request.match_info["name"])
    if session is None or not await session.drop_viewer(request.match_info["key"]):
        raise RefusedError(404, "there is no such viewer; it may have left")
    return web.Response()


def _name_before(values: dict[str, object]) -> str | None:
    """The name under which a session before could be watched, and this one shall."""
    name = values.get("watch")
    if isinstance(name, str) and STREAM.fullmatch(name):
        return name
    if "watch" in values:
        raise ControlError("expected watch as the name that a session before had")
    return None


def _answered(service: Service, answer: str, location: str) -> web.Response:
    """201 with the answer, where to end it, and the ICE servers (RFC 9725, section 4.6)."""
    response = web.Response(status=201, text=answer, content_type=SDP, headers={"Location": location})
    for one in service.options.ice_servers:
        login = f'; username="{one.username}"; credential="{one.credential}"; credential-type="password"'
        login = login if one.username else ""
        response.headers.add("Link", f'<{one.urls}>; rel="ice-server"{login}')
    return response


async def _object(request: web.Request) -> dict[str, object]:
    values = await read_json(request)
    if not isinstance(values, dict):
        raise ControlError("expected a JSON object")
    return values
