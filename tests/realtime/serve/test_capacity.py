"""Who is let in follows from what frames cost; what they cost is measured."""

from __future__ import annotations

import pytest

from rimlight.backends.streams import Streams, open_streams
from rimlight.kernels.processors import processors
from rimlight.realtime.serve.capacity import HEADROOM, MOST_STREAMS, Capacity, Costs, Demand, measure
from rimlight.realtime.serve.networks import seen_size
from rimlight.types import Size

HD, SMALL = Size(720, 1280), Size(360, 640)
COSTS = Costs(per_internal_px_s=1e-7, per_px_s=1e-8, encode_px_s=5e-9)


def demand(size: Size = HD, fps: float = 30.0, long_side: int = 384, watchers: int = 1) -> Demand:
    return Demand(size, fps, long_side, watchers)


def test_a_share_is_that_of_network_pictures_and_watchers() -> None:
    small = seen_size(HD, 384)
    internal, full = small.height * small.width, HD.height * HD.width
    assert COSTS.share(demand(watchers=2)) == pytest.approx(30 * (internal * 1e-7 + full * (1e-8 + 2 * 5e-9)))
    assert COSTS.share(demand(fps=15)) == pytest.approx(COSTS.share(demand()) / 2)
    assert COSTS.share(demand(long_side=256)) < COSTS.share(demand())
    assert COSTS.share(demand(SMALL)) < COSTS.share(demand())


def test_sessions_are_let_in_while_there_is_room() -> None:
    capacity = Capacity(COSTS, processors=4.0)
    running: list[Demand] = []
    while capacity.admits(running, demand()):
        running.append(demand())
    assert len(running) == int(HEADROOM * 4 / COSTS.share(demand()))
    assert capacity.load(running) <= HEADROOM < capacity.load([*running, demand()])


def test_the_first_is_always_let_in() -> None:
    slow = Capacity(Costs(1.0, 1.0), processors=1.0)
    assert slow.admits([], demand())
    assert not slow.admits([demand()], demand())
    assert slow.admits_watcher([demand(watchers=0)], demand(watchers=0))
    assert not slow.admits_watcher([demand()], demand())


def test_a_watcher_more_costs_its_encoding() -> None:
    one, two = COSTS.share(demand(watchers=1)), COSTS.share(demand(watchers=2))
    room_for_one = Capacity(COSTS, processors=(one + 0.5 * (two - one)) / HEADROOM)
    assert not room_for_one.admits_watcher([demand()], demand())
    assert Capacity(COSTS, processors=two / HEADROOM + 1e-9).admits_watcher([demand()], demand())


def test_a_number_of_sessions_beats_what_was_measured() -> None:
    capacity = Capacity(Costs(1.0, 1.0), 1.0, most=2)
    assert capacity.admits([demand()], demand())
    assert not capacity.admits([demand()] * 2, demand())
    assert capacity.admits_watcher([demand()] * 2, demand())


def test_what_is_measured_takes_time_and_no_more_than_there_is() -> None:
    def opened(size: Size) -> Streams:
        return open_streams("fake", size, 1, 1)

    costs = measure(opened, 256)
    assert min(costs.per_internal_px_s, costs.per_px_s, costs.encode_px_s) > 0
    assert costs.share(demand(fps=1.0)) < 10
    assert processors() >= 1


@pytest.mark.parametrize("most", [None, 3])
def test_room_is_how_many_more_are_let_in(most: int | None) -> None:
    one = demand()
    for cost_s in (1e-9, 1e-8, 2.5e-8, 1e-6):
        capacity = Capacity(Costs(cost_s, cost_s), 2.0, most)
        running: list[Demand] = []
        room = capacity.room(running, one)
        while capacity.admits(running, one) and len(running) < MOST_STREAMS:
            running.append(one)
            assert capacity.room(running, one) == max(0, room - len(running))
        assert len(running) == room
