"""The editor from its start to its end: the project opened or begun, the page served on this machine alone."""

from __future__ import annotations

import asyncio
import secrets
import signal
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from rimlight.errors import ConfigError
from rimlight.realtime.session import Settings
from rimlight.studio.edit.app import Editor, make_app
from rimlight.studio.edit.desk import Desk
from rimlight.studio.networks import Networks
from rimlight.studio.project import Project, project_path
from rimlight.studio.propagate import LONG_SIDE
from rimlight.studio.survey import survey
from rimlight.types import Frame

HOST = "127.0.0.1"
SHUTDOWN_S = 2.0


@dataclass(frozen=True, slots=True)
class Place:
    """port: on this machine, 0 for any free one. project: its file, None for beside the video. browser: open the page.

    token: of the address, None for a new one.
    """

    port: int = 0
    project: Path | None = None
    browser: bool = False
    token: str | None = None


def edit(
    video: Path, networks: Networks, live: Settings, place: Place | None = None, long_side: int = LONG_SIDE,
    say: Callable[[str], None] = lambda _: None, seen: Callable[[Frame], None] = lambda _: None,
) -> None:  # fmt: skip
    """Serve the editor of a video until SIGINT or SIGTERM.

    say: told the address, once it answers. seen: called with every frame of a video that is looked through for the
    first time. Raises ProjectError for a project of another video, ConfigError for a port that is taken.
    """
    place = place or Place()
    project = open_project(video, place.project, seen)
    asyncio.run(_serve(Desk(project, networks, live, long_side), place, say))


def open_project(video: Path, path: Path | None = None, seen: Callable[[Frame], None] = lambda _: None) -> Project:
    """The project of a video as it was saved, or a new one."""
    path = path or project_path(video)
    if path.exists():
        return Project.load(path, video)
    return Project.begin(path, video, survey(video, seen))


async def _serve(desk: Desk, place: Place, say: Callable[[str], None]) -> None:
    token = place.token or secrets.token_urlsafe(24)
    editor = Editor(desk)
    runner = web.AppRunner(make_app(editor, token), access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await _listen(runner, place.port)
        address = f"http://{HOST}:{runner.addresses[0][1]}/#token={token}"
        say(f"open {address}")
        if place.browser:
            webbrowser.open(address)
        await _asked_to_end()
    finally:
        await runner.cleanup()
        await editor.close()


async def _listen(runner: web.AppRunner, port: int) -> None:
    try:
        await web.TCPSite(runner, HOST, port).start()
    except OSError as error:
        raise ConfigError(f"{HOST}:{port} cannot be listened on: {error.strerror or error}; choose --port") from error


async def _asked_to_end() -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
