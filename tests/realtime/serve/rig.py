"""A real service in the test's own event loop, on a real port of 127.0.0.1; nothing is measured and no network runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
from aiohttp import web

from rimlight.realtime.serve.app import make_app
from rimlight.realtime.serve.capacity import Capacity, Costs
from rimlight.realtime.serve.gallery import Gallery
from rimlight.realtime.serve.guard import Access
from rimlight.realtime.serve.options import Bounds, ServeOptions
from rimlight.realtime.serve.service import Service
from tests.realtime.serve.clients import RED, Client, people

ROOMY = Capacity(Costs(1e-12, 1e-12), 2.0)
BLUE = (0, 80, 240)
BACKDROP = "#0050f0"


@dataclass(frozen=True, slots=True)
class Rig:
    """The service, where it listens, and how its clients are made."""

    service: Service
    address: str
    client: Callable[..., Client]


@asynccontextmanager
async def served(
    bounds: Bounds | None = None, capacity: Capacity = ROOMY, access: Access | None = None, **options: object
) -> AsyncIterator[Rig]:
    """Start the service and end it; what is not said is as usual."""
    asked = ServeOptions(backend="fake", bounds=bounds or Bounds(), **options)  # type: ignore[arg-type]
    service = Service(asked, capacity, Gallery(None))
    runner = web.AppRunner(make_app(service, access or Access()), shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with people(address) as client:
            yield Rig(service, address, client)
    finally:
        await service.close()
        await runner.cleanup()


def distance(picture: np.ndarray) -> np.ndarray:
    """How far each pixel is from the middle of the fake backend's ellipse."""
    height, width = picture.shape[:2]
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None]
    return np.hypot(columns, rows - 0.3)


def leaked(picture: np.ndarray, camera: tuple[int, int, int] = RED) -> int:
    """Pixels clearly outside the ellipse (which ends at 0.5 for RED) that look like the camera's."""
    off = np.abs(picture.astype(int) - camera).max(2)
    return int(((off < 60) & (distance(picture) > 0.62)).sum())


def has_person(picture: np.ndarray, camera: tuple[int, int, int] = RED) -> bool:
    """Whether the camera is seen in the middle of the ellipse."""
    return bool((np.abs(picture.astype(int) - camera).max(2)[distance(picture) < 0.2] < 60).all())


def stands_before(colour: tuple[int, int, int]) -> Callable[[np.ndarray], bool]:
    """Whether a picture shows the person before a backdrop of that colour."""

    def holds(picture: np.ndarray) -> bool:
        outside = picture.astype(int)[distance(picture) > 0.7]
        return has_person(picture) and bool((np.abs(outside - colour).max(1) < 60).mean() > 0.98)

    return holds


def is_covered(picture: np.ndarray) -> bool:
    """Whether a picture shows nothing of the camera, inside the ellipse neither."""
    return bool((np.abs(picture.astype(int) - RED).max(2) >= 60).all())
