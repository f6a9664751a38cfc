"""A client of the editor's server in the test's own process, with the stand-in networks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from aiohttp.test_utils import TestClient, TestServer

from rimlight.realtime.session import Settings
from rimlight.studio.edit.app import Editor, make_app
from rimlight.studio.edit.desk import Desk
from rimlight.studio.edit.run import open_project

from .films import centre
from .standin import networks

TOKEN = "t" * 24
FRAMES = 30
Client = Any
Body = Callable[[Client], Awaitable[None]]


@asynccontextmanager
async def opened(video: Path) -> AsyncIterator[Client]:
    desk = Desk(open_project(video), networks(), Settings(backend="fake"), 160)
    editor = Editor(desk)
    async with TestClient(TestServer(make_app(editor, TOKEN)), headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client
        await editor.close()


def run(video: Path, body: Body) -> None:
    async def whole() -> None:
        async with opened(video) as client:
            await body(client)

    asyncio.run(whole())


def stroke(paints: str, y: float, x: float, radius: float = 8) -> dict[str, Any]:
    return {"class": paints, "radius": radius, "points": [[y, x], [y, x + 1]]}


async def draw_person(client: Client, frame: int = 0) -> dict[str, Any]:
    """Paint the disc, its ground, and the rest stays unknown."""
    x, y = centre(frame, 96, 160)
    await client.post(f"/api/frames/{frame}/strokes", json=stroke("backdrop", 5, 80, 60))
    await client.post(f"/api/frames/{frame}/strokes", json=stroke("unknown", y, x, 26))
    answer = await client.post(f"/api/frames/{frame}/strokes", json=stroke("foreground", y, x, 14))
    assert answer.status == 200
    return dict(await answer.json())


async def picture_of(client: Client, path: str) -> np.ndarray:
    answer = await client.get(path)
    assert answer.status == 200, await answer.text()
    decoded = cv2.imdecode(np.frombuffer(await answer.read(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return np.asarray(decoded)


async def ended(client: Client) -> dict[str, Any]:
    while True:
        progress = dict(await (await client.get("/api/export")).json())
        if progress["state"] != "running":
            return progress
        await asyncio.sleep(0.01)
