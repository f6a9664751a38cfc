"""People who come and go all the time, in every way that people do; and whether the service grows meanwhile."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

import aiohttp
import cv2
import numpy as np
import psutil

from rimlight.benchmarks.memory import FEWEST_SAMPLES, MIB, Sample, slope_of
from tests.realtime.serve.clients import Camera, Client, Refused, Tone, until

AT_ONCE = 6  # visits; the machine also runs all the clients
VISIT_S = 40.0  # the longest that a visit may take
STAY_S = (0.5, 3.0)
HEIGHT, WIDTH, FPS = 96, 160, 10

WARM_UP = 1 / 3  # of the samples, that no slope is made of: pools, caches and the allocator's arenas fill
SLOPE_MIB = 2.0  # a minute
ERRORS = 3.0  # standard errors that a slope has to be above, or it is noise
GROWTH = 0.1
MORE_FDS = 4
MORE_THREADS = 6  # asyncio's own pool is filled on demand
FAILING = 0.05


class Look(NamedTuple):
    """One look at the service: seconds since the start, resident MiB, threads, open files, sessions and viewers."""

    at_s: float
    rss_mib: float
    threads: int
    fds: int
    sessions: int
    viewers: int


@dataclass
class Tally:
    """What became of the visits: by kind, those turned away, and those that went wrong, with the first reasons."""

    done: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)


class Crowd:
    """Visits of random kinds, a seed gives the same ones in the same order."""

    def __init__(self, address: str, http: aiohttp.ClientSession, seed: int) -> None:
        self._address, self._http, self._random = address, http, random.Random(seed)
        self._running: set[asyncio.Task[None]] = set()
        self._names = 0
        self.tally = Tally()
        self._kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "leaves": self._leaves, "closes": self._closes, "vanishes": self._vanishes, "offers only": self._offers,
            "uploads": self._uploads, "publishes": self._publishes, "publisher vanishes": self._publisher_vanishes,
        }  # fmt: skip

    async def come(self, seconds: float, pause_s: float) -> None:
        """Let somebody come every pause_s, unless AT_ONCE are here, and wait until all have gone."""
        due_s = time.monotonic() + seconds
        while time.monotonic() < due_s:
            if len(self._running) < AT_ONCE:
                kind = self._random.choice(list(self._kinds))
                task = asyncio.ensure_future(self._visit(kind))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            await asyncio.sleep(pause_s)
        await asyncio.gather(*self._running)

    async def _visit(self, kind: str) -> None:
        try:
            await asyncio.wait_for(self._kinds[kind](), VISIT_S)
        except Refused as refusal:
            self.tally.refused += 1
            if refusal.status != 503:
                self._note(kind, refusal)
        except (AssertionError, aiohttp.ClientError, asyncio.TimeoutError, ConnectionError) as error:
            self._note(kind, error)
        else:
            self.tally.done[kind] += 1

    def _note(self, kind: str, error: Exception) -> None:
        self.tally.failed[kind] += 1
        if len(self.tally.reasons) < 20:
            self.tally.reasons.append(f"{kind}: {type(error).__name__} {error}"[:300])

    def _client(self) -> Client:
        return Client(self._http, self._address)

    def _camera(self) -> Camera:
        return Camera(HEIGHT, WIDTH, fps=FPS)

    async def _stay(self) -> None:
        await asyncio.sleep(self._random.uniform(*STAY_S))

    async def _joined(self) -> Client:
        client = self._client()
        backdrop = self._random.choice(["blur:0.5", "#10c040", "gallery:dusk"])
        try:
            await client.join(self._camera(), {"backdrop": backdrop, "quality": "low"})
            await until(lambda: client.screen.pictures, "a picture")
        except BaseException:
            await client.close()
            raise
        return client

    async def _leaves(self) -> None:
        client = await self._joined()
        for _ in range(self._random.randrange(4)):
            await client.change(feather=self._random.randrange(20), paused=self._random.random() < 0.3)
        await self._stay()
        assert await client.leave() == 204

    async def _closes(self) -> None:
        client = await self._joined()
        await self._stay()
        await client.close()

    async def _vanishes(self) -> None:
        client = await self._joined()
        await self._stay()
        await client.vanish()

    async def _offers(self) -> None:
        client = self._client()
        try:
            await client.only_offer(self._camera())
        finally:
            await client.close()

    async def _uploads(self) -> None:
        client = await self._joined()
        picture = np.random.default_rng(self._random.randrange(10**6)).integers(0, 255, (120, 200, 3), np.uint8)
        data = cv2.imencode(".png", picture)[1].tobytes()
        place = f"{self._address}{client.place}/backdrop"
        async with self._http.put(place, data=data, headers={"Content-Type": "image/png"}) as answer:
            assert answer.status == 200, await answer.text()
        await self._stay()
        assert await client.leave() == 204

    async def _published(self) -> tuple[str, Client]:
        self._names += 1
        name, publisher = f"stage{self._names}", self._client()
        await publisher.publish(name, self._camera(), "?quality=low", Tone())
        return name, publisher

    async def _publishes(self) -> None:
        name, publisher = await self._published()
        viewers = []
        try:
            for _ in range(self._random.randrange(3)):
                viewers.append(await self._client().view(name))
                await until(lambda: viewers[-1].screen.pictures, "a picture")
            await self._stay()
            if viewers:
                assert await viewers[0].leave() == 200
            assert await publisher.leave() == 200
        finally:
            for one in (publisher, *viewers):
                await one.close()

    async def _publisher_vanishes(self) -> None:
        name, publisher = await self._published()
        viewer = self._client()
        try:
            await viewer.view(name)
            await until(lambda: viewer.screen.pictures, "a picture")
            await publisher.vanish()
            await viewer.close()
        finally:
            await publisher.close()
            await viewer.close()


async def look(process: psutil.Process, address: str, http: aiohttp.ClientSession, begin_s: float) -> Look:
    """Look at the service now."""
    async with http.get(f"{address}/metrics") as answer:
        text = await answer.text()
    values = dict.fromkeys(("sessions", "viewers"), 0)
    for name, value in re.findall(r"^rimlight_serve_(sessions|viewers)(?:{[^}]*})? (\S+)$", text, re.MULTILINE):
        values[name] += int(float(value))
    rss_mib = process.memory_info().rss / MIB
    return Look(time.monotonic() - begin_s, rss_mib, process.num_threads(), process.num_fds(), **values)


def verdict(base: Look, looks: Sequence[Look], end: Look, tally: Tally) -> list[str]:
    """What is wrong, one line each; nothing if the service is as it was.

    base: when all had gone after a first round of visits. looks: while people came and went. end: when all had gone.
    Memory has to grow by its slope, by more than the slope's error, and by a share of all: an allocator that rounds up,
    or one that took a peak, does one of them but not all.
    """
    wrong = []
    settled = list(looks[round(len(looks) * WARM_UP) :])
    if len(settled) >= FEWEST_SAMPLES:
        slope = slope_of([Sample(one.at_s, one.rss_mib, one.threads, 0) for one in settled])
        quarter = max(1, len(settled) // 4)
        first, last = (median(one.rss_mib for one in part) for part in (settled[:quarter], settled[-quarter:]))
        sure = slope.mib_per_min > max(SLOPE_MIB, ERRORS * slope.error)
        if sure and last > (1 + GROWTH) * first:
            wrong.append(f"memory grew by {slope.mib_per_min:.1f} MiB a minute, from {first:.0f} to {last:.0f} MiB")
    if end.sessions or end.viewers:
        wrong.append(f"{end.sessions} sessions and {end.viewers} viewers are left although all are gone")
    for name, more in (("fds", MORE_FDS), ("threads", MORE_THREADS)):
        before, after = getattr(base, name), getattr(end, name)
        if after > before + more:
            wrong.append(f"{after} {name} at the end, {before} at the beginning")
    failed, all_visits = tally.failed.total(), tally.failed.total() + tally.done.total()
    if failed > FAILING * all_visits:
        wrong.append(f"{failed} of {all_visits} visits went wrong: {'; '.join(tally.reasons[:3])}")
    if not tally.done:
        wrong.append("nobody came")
    return wrong
