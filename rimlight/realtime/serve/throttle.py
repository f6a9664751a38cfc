"""How often one client may ask for what makes work: a session of its own, or a place to watch.

A client is an address, because a token is often the same for all who have one. All else that makes work is bounded by
itself (uploads, bodies) or belongs to a session.
"""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from rimlight.realtime.serve.guard import Access
from rimlight.realtime.serve.logs import route_of
from rimlight.realtime.serve.refusals import RefusedError

OFFERS = ("/api/sessions", "/whip/{name}", "/whep/{name}")  # routes whose POST is an offer
MOST_CLIENTS = 10_000  # that are remembered; who asked longest ago is forgotten first
AGAIN_S = 5  # Retry-After at least: many may wait at one address
HOUSEHOLD = 64  # bits of an IPv6 address that a client cannot choose (RFC 6177)
NOBODY = 404  # publishes: told at no cost to who waits for a video to begin, and asks again and again meanwhile
SLACK = 1e-9  # of an offer, for what floating point loses
PORT = re.compile(r"\[([^\]]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")  # some proxies write it behind the address


class Throttle:
    """A token bucket for each client. per_minute: offers at once, and again in every minute; clock: seconds that never
    go back. Belongs to one event loop.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._per_s, self._clock = per_minute, per_minute / 60, clock
        self._left: dict[str, tuple[float, float]] = {}  # offers, and when it had them; who asked last at the end

    def __len__(self) -> int:
        """Clients that are remembered."""
        return len(self._left)

    def take(self, client: str) -> int:
        """0 where the client may make an offer, which counts from now on; else the seconds until it shall try again."""
        left = self._left_of(client)
        may = left >= 1 - SLACK
        self._keep(client, left - may)
        return 0 if may else max(AGAIN_S, math.ceil((1 - left) / self._per_s))

    def give_back(self, client: str) -> None:
        """An offer of the client made no work after all."""
        self._keep(client, self._left_of(client) + 1)

    def _left_of(self, client: str) -> float:
        left, at_s = self._left.get(client, (self._most, self._clock()))
        return min(self._most, left + (self._clock() - at_s) * self._per_s)

    def _keep(self, client: str, left: float) -> None:
        self._left.pop(client, None)
        self._left[client] = left, self._clock()
        if len(self._left) > MOST_CLIENTS:
            del self._left[next(iter(self._left))]


def throttled(access: Access, events: Counter[str], clock: Callable[[], float] = time.monotonic) -> Middleware:
    """The middleware that counts offers and refuses those beyond access.offers_per_minute; it belongs behind the guard,
    so that only who may ask at all is counted. events: where refusals are counted.
    """
    throttle = Throttle(access.offers_per_minute, clock)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        client = _counted(access, request)
        if client is None:
            return await handler(request)
        wait_s = throttle.take(client)
        if wait_s:
            events["asked too often"] += 1
            raise RefusedError(429, "too many calls are begun from this address; try again in a moment", wait_s)
        try:
            response = await handler(request)
        except RefusedError as refusal:
            if refusal.status == NOBODY:
                throttle.give_back(client)
            raise
        if response.status == NOBODY:  # a gateway passes on what its worker said
            throttle.give_back(client)
        return response

    return middleware


def client_of(remote: str | None, forwarded: Sequence[str], *, behind_proxy: bool) -> str | None:
    """Whom an offer is counted for: an IPv4 address, or the network of an IPv6 address. None for this machine itself,
    and where it is not known.

    remote: the other end of the connection. forwarded: X-Forwarded-For headers, which count behind a proxy alone; it
    wrote the last address, and anybody may have written those before.
    """
    text = remote or ""
    if behind_proxy:
        text = forwarded[-1].rpartition(",")[2] if forwarded else ""
    address = _address(text.strip())
    if address is None or address.is_loopback:
        return None
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), HOUSEHOLD), strict=False))
    return str(address)


def _counted(access: Access, request: web.Request) -> str | None:
    """Whom a request is counted for; None for one that is not counted."""
    if request.method != "POST" or route_of(request) not in OFFERS or not access.offers_per_minute:
        return None
    forwarded = request.headers.getall("X-Forwarded-For", [])
    return client_of(request.remote, forwarded, behind_proxy=access.behind_proxy)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in a text, IPv4 where it is one in IPv6's clothes; None for what is none."""
    found = PORT.fullmatch(text)
    try:
        address = ip_address(found[1] or found[2] if found else text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
