"""The pages and what belongs to them: shipped files, read once and served as they are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import resources

from aiohttp import web

FILES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def add_pages(router: web.UrlDispatcher) -> None:
    """Let / and /watch be answered, and all under /static."""
    pages = resources.files("rimlight.realtime.serve") / "page"
    for file in pages.iterdir():
        suffix = file.name[file.name.rfind(".") :]
        if suffix in FILES:
            router.add_get(f"/static/{file.name}", constant(file.read_bytes(), FILES[suffix]))
    router.add_get("/", constant((pages / "index.html").read_bytes(), "text/html"))
    router.add_get("/watch", constant((pages / "watch.html").read_bytes(), "text/html"))


def constant(data: bytes, kind: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that always answers the same."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=data, headers={"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-cache"})

    return handler
