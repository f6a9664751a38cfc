"""The service from its start to its end: measured, bound, served, drained."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable
from contextlib import nullcontext, suppress

from rimlight.backends.streams import Streams, open_streams
from rimlight.kernels.processors import processors
from rimlight.realtime.serve import lowdelay, tuning
from rimlight.realtime.serve.app import make_app
from rimlight.realtime.serve.capacity import Capacity, Costs, measure
from rimlight.realtime.serve.cluster.member import Membership, reporting
from rimlight.realtime.serve.gallery import Gallery
from rimlight.realtime.serve.guard import Access, check_binding
from rimlight.realtime.serve.listening import Place, listen, make_runner, tls_context
from rimlight.realtime.serve.measures import Look
from rimlight.realtime.serve.options import ServeOptions
from rimlight.realtime.serve.service import Service
from rimlight.types import Size

log = logging.getLogger(__name__)

DECODED = 2  # times the largest sides that leave; what comes larger is not even decoded


def serve(
    options: ServeOptions, access: Access, place: Place, say: Callable[[str], None] = lambda _: None,
    membership: Membership | None = None,
) -> None:  # fmt: skip
    """Run until SIGTERM (drain, then end) or SIGINT (end); a second signal ends it at once.

    say: told what happens at the start, for people; last the address, once requests are answered. membership: of a
    cluster, for a service that is one of its workers. Raises ConfigError where the address may not be used.
    """
    check_binding(place.host, access.token, place.tls is not None, access.behind_proxy)
    context = tls_context(place.tls)
    gallery = Gallery(place.gallery)
    largest = options.bounds.largest
    tuning.install(
        tuning.Bitrates(options.start_kbps * 1000, options.min_kbps * 1000, options.max_kbps * 1000),
        Size(DECODED * largest.height, DECODED * largest.width),
    )
    if options.low_delay:
        lowdelay.install()
    say("finding out what this machine can take …")
    capacity = measured(options)
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(options, access, place, context, gallery, capacity, say, membership))


def measured(options: ServeOptions) -> Capacity:
    """What this machine can take, found by running frames through it; takes some seconds."""

    def opened(size: Size) -> Streams:
        return open_streams(options.backend, size, 1, 1, **options.backend_options())

    costs: Costs = measure(opened, Look().long_side())
    return Capacity(costs, processors(), options.bounds.sessions)


async def _run(
    options: ServeOptions, access: Access, place: Place, context: ssl.SSLContext | None, gallery: Gallery,
    capacity: Capacity, say: Callable[[str], None], membership: Membership | None,
) -> None:  # fmt: skip
    signals = _signals()
    service = Service(options, capacity, gallery)
    runner = make_runner(make_app(service, access))
    await runner.setup()
    try:
        address = await listen(runner, place, context)
        log.info("listening", extra={"fields": {"address": address}})
        say(f"open {address.replace('127.0.0.1', 'localhost')}")
        asyncio.get_running_loop().run_in_executor(None, _warm, gallery)
        async with reporting(service, membership, address) if membership else nullcontext():
            await _ended(service, place.drain_s, signals)
    finally:
        await service.close()
        await runner.cleanup()
        log.info("ended")


def _warm(gallery: Gallery) -> None:
    """Paint the small pictures before the first page asks for all of them at once."""
    for name in gallery.names():
        gallery.thumbnail(name)


def _signals() -> asyncio.Queue[int]:
    """SIGTERM and SIGINT as they come from now on; those beyond a second one say nothing new."""
    loop, came = asyncio.get_running_loop(), asyncio.Queue[int](2)

    def note(number: int) -> None:
        with suppress(asyncio.QueueFull):
            came.put_nowait(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, note, number)
    return came


async def _ended(service: Service, drain_s: float, signals: asyncio.Queue[int]) -> None:
    """Wait for a signal; after a SIGTERM for the sessions too, unless another signal comes."""
    if await signals.get() == signal.SIGTERM:
        log.info("draining", extra={"fields": {"sessions": len(service.sessions)}})
        drained, again = asyncio.ensure_future(service.drain(drain_s)), asyncio.ensure_future(signals.get())
        _, pending = await asyncio.wait({drained, again}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
