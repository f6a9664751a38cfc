"""A gateway, two workers and the service's own page in a real browser; the worker that the page is on goes away."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import av

from rimlight.benchmarks.footage import clip_file, pictures
from rimlight.benchmarks.serve_browser import FLAGS, STEP_S, as_root, executable
from rimlight.benchmarks.serve_child import Child
from rimlight.errors import BackendError, MissingExtraError
from rimlight.types import Size

try:
    from playwright.async_api import Error as BrowserError
    from playwright.async_api import Page, async_playwright
except ImportError as error:
    raise MissingExtraError("rimlight bench gateway", error.name or "playwright", "bench") from error

FAULTS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP} if sys.platform != "win32" else {}
BACKDROP = (0, 177, 64)
CAMERA, CAMERA_FRAMES = Size(360, 640), 60
CALM_S = 3.0  # between the first picture of a person and the fault
RETURN_S = 45.0
POLL_S = 0.05


async def rounds(faults: Sequence[str], backend: str) -> AsyncIterator[dict[str, Any]]:
    """What the page saw of each fault, one after the other; it is the same page all the time.

    Raises BackendError where the browser or a process fails, or the page does not come back.
    """
    async with _cluster(backend) as cluster, _page(cluster.gateway.address) as page:
        for fault in faults:
            await cluster.join()
            await _until(page, "rimlightGateway.live()")
            await asyncio.sleep(CALM_S)
            await _begin(page)
            began_ms = time.time() * 1e3
            cluster.leave(fault)
            await _until(page, "rimlightGateway.figures().live !== null")
            yield {"fault": fault, "began_ms": began_ms} | await page.evaluate("rimlightGateway.figures()")


class Cluster:
    """A gateway and its workers as child processes; the eldest worker is the one that has the page."""

    def __init__(self, stack: AsyncExitStack, gateway: Child, backend: str, environment: dict[str, str]) -> None:
        self.gateway, self._stack, self._environment = gateway, stack, environment
        self._options = ["--role", "worker", "--gateway", gateway.address, "--backend", backend, "--drain", "0"]
        self._options += ["--max-sessions", "1"]  # so that who has the page is full, and ready is who has not
        self._workers: list[Child] = []

    async def join(self) -> None:
        """One worker more, ready for a session."""
        worker = Child(self._options, self._environment)
        self._stack.callback(_kill, worker)
        await asyncio.to_thread(worker.__enter__)
        self._workers.append(worker)
        await self._ready(len(self._workers))

    def leave(self, fault: str) -> None:
        """The eldest worker goes without a word."""
        os.kill(self._workers.pop(0).pid, FAULTS[fault])

    async def _ready(self, workers: int) -> None:
        until_s = time.monotonic() + STEP_S
        async with aiohttp.ClientSession() as http:
            while time.monotonic() < until_s:
                async with http.get(f"{self.gateway.address}/healthz") as answer:
                    found = await answer.json()
                if (found["workers"], found["ready"]) == (workers, 1):
                    return
                await asyncio.sleep(POLL_S)
        raise BackendError(f"the gateway did not find one of {workers} workers ready within {STEP_S:g} s")


def _kill(worker: Child) -> None:
    """End it, also where it is frozen."""
    if worker.running:
        os.kill(worker.pid, signal.SIGKILL)
    worker.stop()


@asynccontextmanager
async def _cluster(backend: str) -> AsyncIterator[Cluster]:
    """A gateway with one worker."""
    environment = os.environ | {"RIMLIGHT_CLUSTER_TOKEN": secrets.token_hex(24)}
    async with AsyncExitStack() as stack:
        gateway = Child(["--role", "gateway"], environment)
        stack.callback(gateway.stop)
        await asyncio.to_thread(gateway.__enter__)
        cluster = Cluster(stack, gateway, backend, environment)
        await cluster.join()
        yield cluster


@asynccontextmanager
async def _page(address: str) -> AsyncIterator[Page]:
    """The service's page with the portrait as its camera, live before a plain colour."""
    async with AsyncExitStack() as stack:
        camera = _camera(Path(stack.enter_context(TemporaryDirectory())))
        playwright = await stack.enter_async_context(async_playwright())
        flags = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
        try:
            browser = await playwright.chromium.launch(
                executable_path=executable(), args=[*FLAGS, *as_root(), *flags], timeout=STEP_S * 1e3
            )
            stack.push_async_callback(browser.close)
            page = await browser.new_page(permissions=["camera"])
            await page.goto(address.replace("127.0.0.1", "localhost"), timeout=STEP_S * 1e3)
            await page.get_by_test_id("card-colour").check(force=True)
            await page.get_by_test_id("colour").fill("#{:02x}{:02x}{:02x}".format(*BACKDROP))
            await page.get_by_test_id("resolution").select_option(str(CAMERA.height))
            await page.evaluate((resources.files("rimlight.benchmarks") / "gateway_page.js").read_text("utf-8"))
            await _begin(page)
            await page.get_by_test_id("start").click()
            yield page
        except BrowserError as error:
            raise BackendError(f"the browser: {error.message.splitlines()[0]}") from error


def _camera(folder: Path) -> Path:
    """The portrait's clip as the browser's camera takes it."""
    path = folder / "camera.y4m"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=30)
        stream.height, stream.width, stream.pix_fmt = CAMERA.height, CAMERA.width, "yuv420p"
        for picture in pictures(clip_file(CAMERA), CAMERA_FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


async def _begin(page: Page) -> None:
    """Count from now on."""
    await page.evaluate("colour => rimlightGateway.begin(colour)", list(BACKDROP))


async def _until(page: Page, script: str) -> None:
    until_s = time.monotonic() + RETURN_S
    while not await page.evaluate(script):
        if time.monotonic() > until_s:
            state = await page.evaluate("[rimlight.state, document.getElementById('message-title').textContent]")
            raise BackendError(f"the page was not live within {RETURN_S:g} s; it is {state[0]} ({state[1]})")
        await asyncio.sleep(POLL_S)
