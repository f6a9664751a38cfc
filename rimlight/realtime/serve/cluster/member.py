"""The worker's side: each second it tells every gateway how it is, for as long as it runs.

Nobody answers for it: a gateway that hears nothing any more, or finds its port closed, takes it for gone.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from rimlight.errors import BackendError, ConfigError
from rimlight.realtime.serve.cluster.registry import REPORT_S
from rimlight.realtime.serve.cluster.report import MOST_NAMES, Report, worker_url
from rimlight.realtime.serve.paths import WORKERS
from rimlight.realtime.serve.service import USUAL, Service

log = logging.getLogger(__name__)

TELL_S = 2.0  # for one gateway to take a report
FIND_S = 0.2  # for its name to be looked up, where it was found before


@dataclass(frozen=True, slots=True)
class Membership:
    """gateways: their addresses, of each name every address that it has. advertised: where they reach this worker,
    None for the address that it listens on.
    """

    gateways: tuple[str, ...]
    token: str = field(repr=False)
    advertised: str | None = None


def own_url(membership: Membership, address: str) -> str:
    """Where gateways reach the worker that listens at address; raises ConfigError where only it can know."""
    try:
        return worker_url(membership.advertised or address)
    except ConfigError as error:
        raise ConfigError(f"{error}; say with --advertise where gateways reach this worker") from error


def report_of(service: Service, url: str) -> Report:
    """How a worker is now; it has no room as long as a session would only be covered there."""
    demands, capacity, engine = service.demands(), service.capacity, service.engine
    works = engine.device != "" and not engine.hangs(service.options.hang_s)
    return Report(
        service.options.worker, url, len(service.sessions),
        sum(len(one.viewers) for one in service.sessions.values()),
        room=capacity.room(demands, USUAL) if works else 0,
        load=capacity.load(demands), one=capacity.load([USUAL]), draining=service.draining,
        names=tuple(service.names)[:MOST_NAMES],
    )  # fmt: skip


@asynccontextmanager
async def reporting(service: Service, membership: Membership, address: str) -> AsyncIterator[None]:
    """Tell the gateways how the service is, until the end of the block."""
    task = asyncio.get_running_loop().create_task(_report(service, membership, own_url(membership, address)))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _report(service: Service, membership: Membership, url: str) -> None:
    tellers = [Teller(gateway, membership.token) for gateway in membership.gateways]
    try:
        while True:
            begun = asyncio.create_task(asyncio.sleep(REPORT_S))
            try:
                _warm(service)
                report = report_of(service, url)
                for teller in tellers:
                    teller.tell(report)
            except Exception:  # without reports the worker would count as gone: what failed is logged, and tried again
                log.exception("telling the gateways failed")
            await begun
    finally:
        await asyncio.gather(*(teller.close() for teller in tellers))


def _warm(service: Service) -> None:
    """Where no network is open, ask for the usual one: an opening that failed is tried again."""
    if not service.engine.device:
        with suppress(BackendError):
            service.engine.warm(USUAL.size, USUAL.long_side)


class Teller:
    """Tells one gateway, at all addresses that its name has: there may be several of it.

    A report does not wait for those before it: where one address does not answer, the others hear each second all the
    same. For a look at the name hardly: what it gave last holds until the next one is over.
    """

    def __init__(self, gateway: str, token: str) -> None:
        self._url = URL(gateway)
        self._heard: str | None = None
        self._addresses: list[str] = []
        self._look: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}", "Host": self._url.authority},
            cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, timeout=aiohttp.ClientTimeout(total=TELL_S),
        )  # fmt: skip

    def tell(self, report: Report) -> None:
        """Begin to give it the report; what comes of it is logged where it changes."""
        task = asyncio.get_running_loop().create_task(self._told(report))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = [*self._under_way, *([self._look] if self._look else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    async def _told(self, report: Report) -> None:
        if self._look is None or self._look.done():
            self._look = asyncio.get_running_loop().create_task(self._find())
        await asyncio.wait({self._look}, timeout=FIND_S if self._addresses else TELL_S)
        told = await asyncio.gather(*(self._tell(address, report) for address in self._addresses))
        reason = "" if "" in told else next(iter(told), "its name cannot be found")
        if reason != self._heard:
            self._heard = reason
            log.log(
                logging.WARNING if reason else logging.INFO, "gateway does not hear" if reason else "gateway hears",
                extra={"fields": {"worker": report.name} | ({"reason": reason} if reason else {})},
            )  # fmt: skip

    async def _find(self) -> None:
        """Look its name up; where that fails, what was found before holds."""
        assert self._url.host is not None
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            found = await loop.getaddrinfo(self._url.host, self._url.port, type=socket.SOCK_STREAM)
            self._addresses = list(dict.fromkeys(str(one[4][0]) for one in found))

    async def _tell(self, address: str, report: Report) -> str:
        """Why the gateway at that address did not take it, "" if it did."""
        url = self._url.with_host(address).with_path(WORKERS)
        name = self._url.host if url.scheme == "https" else None  # of its certificate
        try:
            async with self._session.post(
                url, json=report.as_json(), allow_redirects=False, server_hostname=name
            ) as response:
                return "" if response.status == 204 else f"it answers {response.status}"
        except asyncio.TimeoutError:
            return "it does not answer in time"
        except (aiohttp.ClientError, OSError) as error:
            return f"it cannot be reached: {type(error).__name__}"
