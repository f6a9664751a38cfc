"""Networks are few, opened beside the work, and give every stream a memory of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.backends.streams import Streams, open_streams
from rimlight.errors import BackendError
from rimlight.realtime.serve import networks as module
from rimlight.realtime.serve.networks import MOST_OPEN, SHAPES, Networks, seen_size
from rimlight.types import Size


def until(condition: Callable[[], object], most_s: float = 10.0) -> None:
    due_s = time.monotonic() + most_s
    while not condition():
        assert time.monotonic() < due_s
        time.sleep(0.002)


def opened(size: Size) -> Streams:
    return open_streams("fake", size, slots=3, together=2)


@given(st.integers(16, 4000), st.integers(16, 4000), st.sampled_from([256, 384, 512]))
def test_any_size_is_seen_in_one_of_a_few(height: int, width: int, long_side: int) -> None:
    seen = seen_size(Size(height, width), long_side)
    assert max(seen.height, seen.width) <= long_side
    assert seen.height % 16 == seen.width % 16 == 0


def test_full_size_pictures_are_seen_in_no_more_sizes_than_there_are_shapes() -> None:
    sizes = {seen_size(Size(height, width), 512) for height in range(512, 2000, 7) for width in range(512, 2000, 7)}
    assert len(sizes) == len(SHAPES)
    assert seen_size(Size(720, 1280), 512) == Size(288, 512)
    assert seen_size(Size(1280, 720), 512) == Size(512, 288)


def test_a_network_is_opened_beside_and_told_of() -> None:
    told, go = threading.Event(), threading.Event()

    def slowly(size: Size) -> Streams:
        assert go.wait(10)
        return opened(size)

    found = Networks(slowly, told.set)
    assert found.get(Size(32, 48)) is None
    assert found.get(Size(32, 48)) is None
    assert found.device == ""
    go.set()
    assert told.wait(10)
    network = found.get(Size(32, 48))
    assert network is not None
    assert network.room.shape == (2, 3, 32, 48)
    assert "numpy" in found.device
    found.close()


def test_an_opening_that_fails_says_why_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    calls: list[Size] = []

    def breaking(size: Size) -> Streams:
        calls.append(size)
        if len(calls) == 1:
            raise BackendError("no such device")
        return opened(size)

    found, said = Networks(breaking), []

    def ready() -> bool:
        try:
            return found.get(Size(32, 48)) is not None
        except BackendError as error:
            said.append(str(error))
            return False

    until(ready)
    assert set(said) == {"the network cannot be opened: no such device"}
    assert len(calls) == 2
    found.close()


def test_slots_are_given_once_and_come_back_empty() -> None:
    found = Networks(opened)
    until(lambda: found.get(Size(32, 48)))
    network = found.get(Size(32, 48))
    assert network is not None
    assert [network.slot(key) for key in "abab"] == [0, 1, 0, 1]
    assert network.slot("c") == 2
    assert network.slot("d") is None
    image = np.random.default_rng(0).random((1, 3, 32, 48), np.float32)
    for _ in range(3):
        network.streams.step(image, [1], [False])
    found.leave("b")
    assert network.slot("d") == 1
    (after,) = network.streams.step(image * 0.5, [1], [False])
    found.leave("d")
    network.slot("e")
    (fresh,) = network.streams.step(image * 0.5, [1], [False])
    assert np.array_equal(after.offset, fresh.offset)
    found.close()


def test_idle_networks_beyond_a_few_are_closed() -> None:
    found = Networks(opened)
    sizes = [Size(32, 16 * (index + 2)) for index in range(MOST_OPEN + 3)]
    for size in sizes:
        until(lambda size=size: found.get(size))  # type: ignore[misc]
        network = found.get(size)
        assert network is not None
        network.slot("me")
    for size in sizes[:-1]:
        found.leave("me", size)
    assert found.get(sizes[0]) is None  # the first ones went
    assert found.get(sizes[-1]) is not None
    found.close()
