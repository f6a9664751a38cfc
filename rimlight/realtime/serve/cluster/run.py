"""A gateway from its start to its end. It keeps nothing, so it may end at any time and be started again."""

from __future__ import annotations

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from rimlight.realtime.serve.cluster.forward import Messenger
from rimlight.realtime.serve.cluster.gateway import make_gateway
from rimlight.realtime.serve.cluster.placing import Gateway
from rimlight.realtime.serve.cluster.registry import Registry
from rimlight.realtime.serve.guard import Access, check_binding
from rimlight.realtime.serve.listening import Place, listen, make_runner, tls_context
from rimlight.realtime.serve.logs import AccessLog, route_of

log = logging.getLogger(__name__)


def serve_gateway(access: Access, place: Place, say: Callable[[str], None] = lambda _: None) -> None:
    """Run until SIGTERM or SIGINT; what is being answered then is answered. access must hold the cluster's token.

    Raises ConfigError where the address may not be used.
    """
    check_binding(place.host, access.token, place.tls is not None, access.behind_proxy)
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(access, place, tls_context(place.tls), say))


class GatewayLog(AccessLog):
    """As the service's, without the look at its session that each page takes each second: its worker logs that."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        looks = request.method == "GET" and route_of(request) == "/api/sessions/{key}"
        if not looks or response.status >= 400:
            super().log(request, response, time)


async def _run(access: Access, place: Place, context: ssl.SSLContext | None, say: Callable[[str], None]) -> None:
    assert access.cluster_token is not None
    messenger, ended = Messenger(access.cluster_token), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    runner = make_runner(make_gateway(Gateway(Registry(), messenger), access), GatewayLog)
    await runner.setup()
    try:
        address = await listen(runner, place, context)
        log.info("listening", extra={"fields": {"address": address}})
        say(f"open {address.replace('127.0.0.1', 'localhost')}")
        await ended.wait()
    finally:
        await runner.cleanup()
        await messenger.close()
        log.info("ended")
