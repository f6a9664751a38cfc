"""A real worker of a gateway, in the test's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from rimlight.realtime.serve.app import make_app
from rimlight.realtime.serve.capacity import Capacity
from rimlight.realtime.serve.cluster.member import Membership, reporting
from rimlight.realtime.serve.gallery import Gallery
from rimlight.realtime.serve.guard import Access
from rimlight.realtime.serve.options import ServeOptions
from rimlight.realtime.serve.service import Service
from tests.realtime.serve.clients import until
from tests.realtime.serve.cluster.fakes import CLUSTER, Cluster
from tests.realtime.serve.rig import ROOMY


@asynccontextmanager
async def worker(cluster: Cluster, name: str, capacity: Capacity = ROOMY) -> AsyncIterator[Service]:
    """A worker that the gateway has heard."""
    service = Service(ServeOptions(backend="fake", worker=name), capacity, Gallery(None))
    runner = web.AppRunner(make_app(service, Access(CLUSTER)), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with reporting(service, Membership((cluster.address,), CLUSTER), address):
            await until(lambda: any(one.report.name == name and one.room for one in cluster.registry), "its network")
            yield service
    finally:
        await service.close()
        await runner.cleanup()
