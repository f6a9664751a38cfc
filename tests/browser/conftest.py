"""Chromium with a camera made of a file, and servers for it to talk to."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import need

from .servers import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from .studio import EditorServer
    from .tab import Tab

CHROMIUM = Path(os.environ.get("RIMLIGHT_CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
NEEDED = ("playwright", "aiortc", "aiohttp")
OpenTab = Callable[..., "Tab"]
OpenServer = Callable[..., Server]


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser; it ends with this folder's tests, because its event loop would be in the way of others' tests."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    need("chromium", not missing, f"tests in a browser need {', '.join(missing)}")
    need("chromium", CHROMIUM.exists(), f"there is no browser at {CHROMIUM}; name one with RIMLIGHT_CHROMIUM")
    from playwright.sync_api import sync_playwright

    from .pictures import camera_file

    camera = camera_file(tmp_path_factory.mktemp("camera"))
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--use-file-for-fake-video-capture={camera}"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[OpenTab]:
    """Opens a tab of a new profile; permissions: what its user allows. Further options are those of new_context."""
    from .tab import Tab

    with ExitStack() as opened:

        def make(permissions: tuple[str, ...] = ("camera",), **options: Any) -> Tab:
            context = chromium.new_context(permissions=list(permissions), **options)
            opened.callback(context.close)
            return Tab(context.new_page())

        yield make


@pytest.fixture
def tab(open_tab: OpenTab) -> Tab:
    """A tab whose user allows the camera."""
    return open_tab()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Server]:  # noqa: ARG001 - skips first
    """A server that all tests share which do not harm it."""
    shared = Server(tmp_path_factory.mktemp("server"))
    shared.start()
    yield shared
    shared.stop()


@pytest.fixture
def open_server(tmp_path: Path, chromium: Browser) -> Iterator[OpenServer]:  # noqa: ARG001 - skips first
    """Starts a server of a test's own, with its options."""
    with ExitStack() as opened:

        def make(*arguments: str) -> Server:
            own = Server(tmp_path, *arguments)
            opened.callback(own.stop)
            own.start()
            return own

        yield make


@pytest.fixture
def editor(tmp_path: Path, chromium: Browser) -> Iterator[EditorServer]:  # noqa: ARG001 - skips first
    """The studio's editor of a short film, networks being stand-ins."""
    from tests.studio.films import write_film

    from .studio import FRAMES, HEIGHT, WIDTH, EditorServer

    with ExitStack() as stack:
        server = EditorServer(write_film(tmp_path / "in.mp4", FRAMES, HEIGHT, WIDTH))
        stack.callback(server.kill)
        server.start()
        yield server
