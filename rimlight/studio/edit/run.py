"""The editor from its start to its end: the project opened or begun, the page served on this machine alone."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from rimlight.errors import ControlError
from rimlight.realtime.session import Settings
from rimlight.studio.edit.address import HOST, Address, address_file, keep_address, listen, read_address
from rimlight.studio.edit.app import Editor, make_app
from rimlight.studio.edit.desk import Desk
from rimlight.studio.networks import Networks
from rimlight.studio.project import Project, project_path
from rimlight.studio.propagate import LONG_SIDE
from rimlight.studio.survey import survey
from rimlight.types import Frame

log = logging.getLogger(__name__)
SHUTDOWN_S = 2.0


@dataclass(frozen=True, slots=True)
class Place:
    """port: on this machine, 0 for the one that was had before or any free one. project: its file, None for beside the
    video. browser: open the page. token: of the address, None for the one before or a new one.
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
    editor, ended = Editor(desk), _asked_to_end()
    try:
        kept = _private_file(desk.project.path) if place.token is None else None
        server, token = listen(place.port, place.token, read_address(kept) if kept else None)
        app = make_app(editor, token)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        try:
            await runner.setup()
            await web.SockSite(runner, server).start()
            port = server.getsockname()[1]
            _keep(kept, Address(port, token))
            _show(f"http://{HOST}:{port}/#token={token}", place.browser, say)
            await ended.wait()
        finally:
            await runner.cleanup()
            server.close()
    finally:
        await editor.close()


def _private_file(project: Path) -> Path | None:
    try:
        return address_file(project)
    except ControlError as error:
        log.warning("the next start will have another address: %s", error)
        return None


def _keep(file: Path | None, address: Address) -> None:
    try:
        if file is not None:
            keep_address(file, address)
    except OSError as error:
        log.warning("the next start will have another address, as %s cannot be written: %s", file, error.strerror)


def _show(address: str, browser: bool, say: Callable[[str], None]) -> None:
    say(f"open {address}")
    if browser:  # a browser of the terminal returns when it is closed
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _asked_to_end() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT from now on."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    return ended
