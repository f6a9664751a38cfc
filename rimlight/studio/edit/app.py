"""The editor's HTTP side: its page and its API. Handlers only translate; one thread does what is asked, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from rimlight.errors import RimlightError, SinkError
from rimlight.realtime.serve.bodies import read_json
from rimlight.realtime.serve.guard import Access, guard
from rimlight.studio.edit.desk import Desk
from rimlight.studio.edit.exporting import Exporter, check_choice, proposed_name
from rimlight.studio.errors import ProjectError
from rimlight.studio.strokes import stroke_of

Result = TypeVar("Result")
STROKE_BYTES = 2**20
FILES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
SHARED = ("style.css", "controls.css", "favicon.svg")  # of the service's page: one look for both
FRAME = r"/api/frames/{number:\d{1,9}}"
ACTS = ("undo", "redo", "mark", "unmark", "auto", "propagate")


class Editor:
    """A desk and its thread. Closing ends an export that runs; its parts stay."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._thread = ThreadPoolExecutor(1, "rimlight-studio")
        self.exporter = Exporter(desk, self.ask)

    async def ask(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call it in the desk's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def close(self) -> None:
        await self.exporter.close()
        await self.ask(self.desk.close)
        self._thread.shutdown()


EDITOR: web.AppKey[Editor] = web.AppKey("editor", Editor)


def make_app(editor: Editor, token: str) -> web.Application:
    """The application; only requests to this machine by name and with the token come in."""
    app = web.Application(middlewares=[guard(Access(token)), _told], client_max_size=STROKE_BYTES)
    app[EDITOR] = editor
    page = resources.files("rimlight.studio.edit") / "page"
    house = resources.files("rimlight.realtime.serve") / "page"
    for file in [*page.iterdir(), *(house / name for name in SHARED)]:
        suffix = file.name[file.name.rfind(".") :]
        if suffix in FILES:
            app.router.add_get(f"/static/{file.name}", _file(file.read_bytes(), FILES[suffix]))
    app.router.add_get("/", _file((page / "index.html").read_bytes(), "text/html"))
    app.add_routes(
        [
            web.get("/api/project", project),
            web.get(FRAME, state),
            web.get(f"{FRAME}/picture.jpg", picture),
            web.get(f"{FRAME}/thumb.jpg", thumb),
            web.get(f"{FRAME}/trimap.png", trimap),
            web.get(f"{FRAME}/matte.jpg", matte),
            web.get(f"{FRAME}/composite.jpg", composite),
            web.post(f"{FRAME}/strokes", draw),
            *(web.post(f"{FRAME}/{name}", _act(name)) for name in ACTS),
            web.get("/api/export", export_state),
            web.post("/api/export", export),
            web.delete("/api/export", stop_export),
        ]
    )
    return app


async def project(request: web.Request) -> web.Response:
    """What the page needs to know at its start."""
    editor = request.app[EDITOR]
    one = editor.desk.project
    survey = one.survey
    return web.json_response(
        {
            "video": one.video.name, "project": one.path.name, "height": survey.size.height,
            "width": survey.size.width, "fps": float(survey.rate), "frames": survey.count,
            "shots": list(survey.shots), "marks": list(one.frames), "device": editor.desk.networks.device,
            "export": proposed_name(one.video),
        }
    )  # fmt: skip


async def state(request: web.Request) -> web.Response:
    """What is known of a frame."""
    editor, number = _asked(request)
    return web.json_response(await editor.ask(editor.desk.state, number))


async def picture(request: web.Request) -> web.Response:
    """A frame as it is in the video."""
    editor, number = _asked(request)
    return _jpeg(await editor.ask(editor.desk.picture, number))


async def thumb(request: web.Request) -> web.Response:
    """A frame for the timeline."""
    editor, number = _asked(request)
    return _jpeg(await editor.ask(editor.desk.thumb, number))


async def trimap(request: web.Request) -> web.Response:
    """A frame's trimap, 204 where there is none."""
    editor, number = _asked(request)
    found = await editor.ask(editor.desk.trimap, number)
    return web.Response(status=204) if found is None else web.Response(body=found, content_type="image/png")


async def matte(request: web.Request) -> web.Response:
    """A frame's matte at a reduced size."""
    editor, number = _asked(request)
    return _jpeg(await editor.ask(editor.desk.preview, number, None))


async def composite(request: web.Request) -> web.Response:
    """A frame's person before a backdrop at a reduced size."""
    editor, number = _asked(request)
    backdrop = request.query.get("backdrop", "blur")
    check_choice("any.mov", backdrop)
    return _jpeg(await editor.ask(editor.desk.preview, number, backdrop))


async def draw(request: web.Request) -> web.Response:
    """A stroke; it is on the disk when the answer comes."""
    editor, number = _asked(request)
    stroke = stroke_of(await read_json(request, STROKE_BYTES))
    await editor.ask(editor.desk.draw, number, stroke)
    return web.json_response(await editor.ask(editor.desk.state, number))


async def export_state(request: web.Request) -> web.Response:
    """How far an export is."""
    return web.json_response(request.app[EDITOR].exporter.progress.as_json())


async def export(request: web.Request) -> web.Response:
    """Begin an export."""
    exporter, wish = request.app[EDITOR].exporter, await read_json(request)
    known = {"name": str, "backdrop": str, "beside": bool, "replace": bool}
    if not isinstance(wish, dict) or set(wish) - set(known) or not {"name", "backdrop"} <= set(wish):
        raise ProjectError('expected an object with "name", "backdrop", and if wanted "beside" and "replace"')
    if any(not isinstance(value, known[name]) for name, value in wish.items()):
        raise ProjectError('expected texts for "name" and "backdrop", true or false for "beside" and "replace"')
    await exporter.begin(
        wish["name"], wish["backdrop"], beside=wish.get("beside", False), replace=wish.get("replace", False)
    )  # fmt: skip
    return web.json_response(exporter.progress.as_json(), status=202)


async def stop_export(request: web.Request) -> web.Response:
    """Break an export off."""
    exporter = request.app[EDITOR].exporter
    await exporter.stop()
    return web.json_response(exporter.progress.as_json())


def _act(name: str) -> Handler:
    """Undo, redo and the like: something done to a frame, answered with its state."""

    async def handler(request: web.Request) -> web.StreamResponse:
        editor, number = _asked(request)
        owner = editor.desk.project if name in ("undo", "redo") else editor.desk
        await editor.ask(getattr(owner, name), number)
        return web.json_response(await editor.ask(editor.desk.state, number))

    return handler


def _asked(request: web.Request) -> tuple[Editor, int]:
    return request.app[EDITOR], int(request.match_info["number"])


def _jpeg(data: bytes) -> web.Response:
    return web.Response(body=data, content_type="image/jpeg")


@web.middleware
async def _told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Who asks is the user of this machine, so every error for people is told as it is."""
    try:
        return await handler(request)
    except RimlightError as error:
        if getattr(error, "status", None) is not None:
            raise
        if isinstance(error, SinkError):  # a full disk: the page tries again
            raise web.HTTPInsufficientStorage(text=str(error)) from error
        raise web.HTTPUnprocessableEntity(text=str(error)) from error


def _file(data: bytes, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    headers = {
        "Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-cache",
        "Permissions-Policy": "camera=(), microphone=()",
    }  # fmt: skip

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=data, headers=headers)

    return handler
