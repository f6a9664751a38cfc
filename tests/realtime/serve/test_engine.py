"""One thread for many streams: newest first, fair, each with its own memory, and no fault of one seen by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from rimlight.backends.streams import Streams, open_streams
from rimlight.errors import BackendError
from rimlight.pixels import to_i420
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.serve.engine import Engine
from rimlight.realtime.serve.measures import Look
from rimlight.realtime.serve.stream import CLOCK, Arrival, Dress, Stream
from rimlight.realtime.stats import Stats
from rimlight.types import Coefficients, FloatArray, Size

FULL = Size(72, 128)


class Network(Streams):
    """The fake with faults, which notes every group."""

    def __init__(self, size: Size, misbehave: Callable[[Sequence[int]], str] = lambda _: "", together: int = 4) -> None:
        super().__init__(size, 8, together)
        self._inner = open_streams("fake", size, 8, together)
        self._misbehave = misbehave
        self.groups: list[tuple[tuple[int, ...], tuple[bool, ...]]] = []
        self.pause_s = 0.0
        self._before: list[Coefficients] = []

    name = "faulty"

    @property
    def device(self) -> str:
        return "a test"

    def _call(self, images: FloatArray, slots: Sequence[int], own: Sequence[float]) -> list[Coefficients]:
        raise NotImplementedError

    def step(self, images: FloatArray, slots: Sequence[int], cuts: Sequence[bool]) -> list[Coefficients]:
        self.groups.append((tuple(slots), tuple(cuts)))
        time.sleep(self.pause_s)
        kind = self._misbehave(slots)
        if kind == "error":
            raise BackendError("the network failed")
        if kind == "stale" and self._before:
            return self._before
        found = self._before = self._inner.step(images, slots, cuts)
        if kind == "nan":
            found[0].offset[3, 0, 0] = np.nan
        return found

    def forget(self, slot: int) -> None:
        self._inner.forget(slot)

    def close(self) -> None:
        self._inner.close()


class Rig:
    """An engine with a network of the test's own."""

    def __init__(self, misbehave: Callable[[Sequence[int]], str] = lambda _: "", together: int = 4) -> None:
        self.networks: list[Network] = []
        self.failures: list[tuple[str, str]] = []
        self.stats = Stats()

        def opened(size: Size) -> Streams:
            self.networks.append(Network(size, misbehave, together))
            return self.networks[-1]

        self.engine = Engine(opened, lambda stream, reason: self.failures.append((stream.key, reason)), self.stats)
        self.woken: dict[str, threading.Event] = {}

    def stream(self, key: str) -> Stream:
        woken = self.woken[key] = threading.Event()
        backdrop = "#1e90ff"
        return Stream(key, Dress(Look(backdrop), open_backdrop(backdrop), open_backdrop(backdrop)), woken.set)

    def put(self, stream: Stream, value: int, pts: int = 0, size: Size = FULL) -> None:
        image = np.full((size.height, size.width, 3), value, np.uint8)
        self.engine.put(stream, Arrival(to_i420(image), size, pts, time.perf_counter()))

    def painted(self, stream: Stream, value: int, pts: int = 0, size: Size = FULL) -> np.ndarray:
        """Luma (H, W) of the finished picture of one frame."""
        self.woken[stream.key].clear()
        self.put(stream, value, pts, size)
        assert self.woken[stream.key].wait(10)
        assert stream.desk is not None
        assert stream.desk.finished.take(1.0) is not None
        assert stream.desk.finished.front.pts == pts
        return stream.desk.finished.front.planes.y.copy()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.engine.stop()
    assert not made.engine.alive


def test_a_frame_comes_out_as_a_picture_with_its_time(rig: Rig) -> None:
    stream = rig.stream("a")
    luma = rig.painted(stream, 200, pts=777)
    assert luma.shape == (FULL.height, FULL.width)
    assert abs(int(luma[50, 64]) - int(to_i420(np.full((2, 2, 3), 200, np.uint8)).y[0, 0])) <= 1
    assert luma[2, 2] != luma[50, 64]
    assert rig.engine.device == "a test"


def test_streams_together_are_as_streams_alone() -> None:
    """What each sees depends on its own three last frames alone, in whatever groups they are served."""
    values = {key: np.random.default_rng(seed).integers(0, 255, 12).tolist() for seed, key in enumerate("abc")}
    alone: dict[str, list[np.ndarray]] = {}
    for key, sequence in values.items():
        rig = Rig()
        stream = rig.stream(key)
        alone[key] = [rig.painted(stream, value, index) for index, value in enumerate(sequence)]
        rig.engine.stop()
    together = Rig()
    streams = {key: together.stream(key) for key in values}
    for index in range(12):
        for key, stream in streams.items():
            together.woken[key].clear()
            together.put(stream, values[key][index], index)
        for key, stream in streams.items():
            assert together.woken[key].wait(10)
            assert stream.desk is not None
            assert stream.desk.finished.take(1.0) is not None
            assert np.array_equal(stream.desk.finished.front.planes.y, alone[key][index])
    together.engine.stop()


def test_frames_that_wait_are_served_in_one_call() -> None:
    rig = Rig()
    streams = [rig.stream(key) for key in "abcdef"]
    rig.painted(streams[0], 100)
    (network,) = rig.networks
    network.pause_s = 0.2
    for stream in streams:  # the first is begun alone or with a few, the rest waits
        rig.put(stream, 100)
    for stream in streams:
        assert rig.woken[stream.key].wait(10)
    rig.engine.stop()
    assert max(len(slots) for slots, _ in network.groups) >= 3
    assert all(len(set(slots)) == len(slots) <= 4 for slots, _ in network.groups)


def test_the_newest_frame_wins() -> None:
    rig = Rig()
    stream = rig.stream("a")
    rig.painted(stream, 100)
    rig.networks[0].pause_s = 0.1
    for index in range(20):
        rig.put(stream, 100, pts=index)
    deadline = time.monotonic() + 10
    while (stream.desk is None or stream.desk.finished.front.pts != 19) and time.monotonic() < deadline:
        assert stream.desk is not None
        stream.desk.finished.take(0.05)
    assert stream.desk is not None
    assert stream.desk.finished.front.pts == 19
    rig.engine.stop()
    assert len(rig.networks[0].groups) <= 4
    assert stream.stats.counts()["dropped"] >= 17


def test_a_stream_begins_without_the_memory_of_the_one_before_it() -> None:
    rig = Rig()
    first, second = rig.stream("first"), rig.stream("second")
    for value in (250, 250, 250):
        rig.painted(first, value)
    rig.engine.forget(first)
    time.sleep(0.05)
    fresh = Rig()
    other = fresh.stream("second")
    for index, value in enumerate((20, 60, 20)):
        assert np.array_equal(rig.painted(second, value, index), fresh.painted(other, value, index))
    rig.engine.stop()
    fresh.engine.stop()


def test_another_size_is_a_cut(rig: Rig) -> None:
    stream = rig.stream("a")
    for value in (250, 250, 250):
        rig.painted(stream, value)
    small = Size(36, 64)
    first = rig.painted(stream, 20, size=small)
    again = rig.stream("b")
    assert np.array_equal(first, rig.painted(again, 20, size=small))
    assert first.shape == (36, 64)


@pytest.mark.parametrize(("kind", "words"), [("error", "network failed"), ("nan", "NaN"), ("stale", "again")])
def test_a_fault_of_the_network_is_told_and_work_goes_on(kind: str, words: str) -> None:
    faults = iter(["", "", kind])
    rig = Rig(lambda _: next(faults, ""))
    stream = rig.stream("a")
    rig.painted(stream, 100)
    rig.painted(stream, 100)
    assert stream.desk is not None
    rig.put(stream, 100)
    deadline = time.monotonic() + 10
    while not rig.failures and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [(key, words in reason) for key, reason in rig.failures] == [("a", True)]
    assert stream.desk.finished.take(0.0) is None  # nothing of that frame
    rig.painted(stream, 100)
    assert rig.networks[0].groups[-1][1] == (True,)  # a new beginning, with an empty memory
    rig.engine.stop()


def test_numbers_that_are_none_cover_the_one_they_belong_to() -> None:
    rig = Rig(lambda slots: "nan" if len(slots) > 1 else "")
    streams = [rig.stream(key) for key in "ab"]
    for stream in streams:
        rig.painted(stream, 100)
    rig.networks[0].pause_s = 0.2
    blocker = rig.stream("c")
    rig.put(blocker, 100)
    time.sleep(0.1)
    for stream in streams:
        rig.woken[stream.key].clear()
        rig.put(stream, 100, pts=5)
    for stream in streams:
        assert rig.woken[stream.key].wait(10)
    rig.engine.stop()
    (failed,) = {key for key, _ in rig.failures}
    (other,) = {"a", "b"} - {failed}
    desks = {stream.key: stream.desk for stream in streams}
    assert desks[other] is not None
    assert desks[other].finished.take(1.0) is not None
    assert desks[other].finished.front.pts == 5
    assert desks[failed] is not None
    assert desks[failed].finished.take(0.0) is None


def test_an_engine_that_hangs_is_seen_and_has_nothing_to_say_once_it_is_stopped() -> None:
    go = threading.Event()

    def hang(_: Sequence[int]) -> str:
        go.wait(10)
        return "error"

    rig = Rig(hang)
    stream = rig.stream("a")
    rig.put(stream, 100)
    deadline = time.monotonic() + 10
    while not rig.engine.hangs(0.05) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert rig.engine.hangs(0.05)
    rig.engine.stop(0.0)
    assert rig.engine.alive
    go.set()
    deadline = time.monotonic() + 10
    while rig.engine.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not rig.engine.alive
    assert rig.failures == []


def test_a_network_that_does_not_open_is_told() -> None:
    told = threading.Event()

    def breaking(_: Size) -> Streams:
        raise BackendError("no such device")

    engine = Engine(breaking, lambda *_: told.set(), Stats())
    stream = Stream("a", Dress(Look(), open_backdrop("blur"), open_backdrop("blur")), lambda: None)
    deadline = time.monotonic() + 10
    while not told.is_set() and time.monotonic() < deadline:
        image = np.zeros((FULL.height, FULL.width, 3), np.uint8)
        engine.put(stream, Arrival(to_i420(image), FULL, CLOCK, time.perf_counter()))
        time.sleep(0.01)
    engine.stop()
    assert told.is_set()
