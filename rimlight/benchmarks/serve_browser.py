"""A real browser as the clients of a service: one run of serve_page.js, and what it and the processes did meanwhile."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import resources
from typing import Any

from rimlight import assets
from rimlight.benchmarks.footage import PORTRAIT
from rimlight.benchmarks.machine import Neighbours
from rimlight.benchmarks.serve_child import Child, Work
from rimlight.errors import BackendError, MissingExtraError
from rimlight.types import Size

try:
    import psutil
    from playwright.async_api import Error as BrowserError
    from playwright.async_api import Page, async_playwright
except ImportError as error:
    raise MissingExtraError("rimlight bench serve", error.name or "playwright", "bench") from error

STEP_S = 60.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# A page that no screen shows must still draw at its full rate, and nothing may fetch or update while it is measured.
FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Visit:
    """Clients of one run: the camera's size, how many, for how long. codec: auto, vp8 or h264."""

    size: Size
    sessions: int
    quality: str = "medium"
    codec: str = "auto"
    warm_up_s: float = 6.0
    seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """people: figures of each client, as serve_page.js gives them. The rest are processors kept busy meanwhile."""

    people: list[dict[str, Any]]
    server_load: float
    browser_load: float
    others: float | None


def visit(child: Child, asked: Visit) -> Seen:
    """Run the clients against the service; raises BackendError where the browser or a connection fails."""
    whole_s = asked.warm_up_s + asked.seconds + STEP_S * 2
    try:
        return asyncio.run(asyncio.wait_for(_visit(child, asked), whole_s))
    except BrowserError as error:
        raise BackendError(f"the browser: {error.message.splitlines()[0]}") from error
    except asyncio.TimeoutError as error:
        raise BackendError(f"the browser was not done within {whole_s:g} s") from error


async def _visit(child: Child, asked: Visit) -> Seen:
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=executable(), args=[*FLAGS, *as_root()], timeout=STEP_S * 1e3
        )
        stack.push_async_callback(browser.close)
        # Without the camera's permission the page's addresses are hidden behind names, which takes a second to resolve.
        page = await browser.new_page(permissions=["camera"])
        await page.goto(f"{child.address}/healthz", timeout=STEP_S * 1e3)
        await page.evaluate((resources.files("rimlight.benchmarks") / "serve_page.js").read_text(encoding="utf-8"))
        await page.evaluate("options => rimlightBench.open(options)", _options(asked))
        await asyncio.sleep(asked.warm_up_s)
        seen = await _watched(page, child, asked.seconds)
        await page.evaluate("rimlightBench.close()")
        return seen


async def _watched(page: Page, child: Child, seconds: float) -> Seen:
    await page.evaluate("rimlightBench.begin()")
    browser = {process.pid for process in psutil.Process().children()} - {child.pid}  # with all that it started
    server, client, all_others = Work([child.pid]), Work(browser), Neighbours()
    await asyncio.sleep(seconds)
    server_load, client_load = server.share(), client.share()
    others = all_others.share(server.seconds() + client.seconds())
    return Seen(await page.evaluate("rimlightBench.figures()"), server_load, client_load, others)


def _options(asked: Visit) -> dict[str, object]:
    portrait = base64.b64encode(assets.asset(PORTRAIT).path.read_bytes()).decode()
    return {
        "portrait": portrait, "width": asked.size.width, "height": asked.size.height, "sessions": asked.sessions,
        "codec": asked.codec, "quality": asked.quality,
    }  # fmt: skip


def executable() -> str | None:
    """The browser that the environment names, or the system's; None for the one that Playwright has fetched."""
    named = os.environ.get("RIMLIGHT_CHROMIUM")
    return named or next((path for name in BROWSERS if (path := shutil.which(name))), None)


def as_root() -> list[str]:
    """The browser's sandbox refuses to run as root, as in containers."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
