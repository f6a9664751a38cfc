"""Watchers get the newest picture, each in memory of its own, and hold nobody up."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from av.video.frame import PictureType

from rimlight.pixels import empty_i420
from rimlight.realtime.serve.outlet import Outlet, WatchTrack
from rimlight.realtime.serve.stream import CLOCK, Painted
from rimlight.realtime.sinks.packing import memory
from rimlight.types import Size


def painted(value: int, size: Size = Size(48, 70), pts: int = 0) -> Painted:  # noqa: B008 - a frozen value
    planes = empty_i420(size)
    for plane in (planes.y, planes.u, planes.v):
        plane[:] = value
    return Painted(planes, pts)


def values(frame: object) -> set[int]:
    return {int(value) for plane in frame.planes for value in np.unique(memory(plane))}  # type: ignore[attr-defined]


def test_the_newest_wins_and_what_an_encoder_holds_stays_as_it_is() -> None:
    async def run() -> None:
        track = WatchTrack()
        track.offer(painted(1))
        held = await track.recv()
        for value in range(2, 9):
            track.offer(painted(value, pts=value * CLOCK))
            assert values(held) == {1}
        newest = await track.recv()
        assert values(newest) == {8}
        assert (newest.pts, newest.time_base.denominator) == (8 * CLOCK, CLOCK)

    asyncio.run(run())


def test_pictures_are_used_again() -> None:
    async def run() -> None:
        track, seen = WatchTrack(), set()
        for value in range(50):
            track.offer(painted(value))
            if value % 3:
                seen.add(id(await track.recv()))
        assert len(seen) <= 3

    asyncio.run(run())


def test_a_key_picture_that_was_asked_for_once_is_not_asked_for_again() -> None:
    async def run() -> None:
        track = WatchTrack()
        for _ in range(8):
            track.offer(painted(3))
            frame = await track.recv()
            assert frame.pict_type == PictureType.NONE
            frame.pict_type = PictureType.I  # as an encoder does after a request of the receiver

    asyncio.run(run())


def test_another_size_gets_other_pictures() -> None:
    async def run() -> None:
        track = WatchTrack()
        for size in (Size(48, 70), Size(24, 36), Size(48, 70)):
            for value in range(4):
                track.offer(painted(value, size))
                frame = await track.recv()
                assert (frame.height, frame.width) == (size.height, size.width)

    asyncio.run(run())


def test_who_waits_on_a_closed_track_is_told() -> None:
    async def run() -> None:
        outlet = Outlet(asyncio.get_running_loop())
        track = outlet.open()
        waiting = asyncio.ensure_future(track.recv())
        await asyncio.sleep(0)
        assert outlet.watched
        outlet.close(track)
        with pytest.raises(MediaStreamError):
            await waiting
        assert not outlet.watched

    asyncio.run(run())
