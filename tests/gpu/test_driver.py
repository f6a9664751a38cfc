"""The contract of a driver, for each binding: what is queued happens in order, and graphs repeat it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from rimlight.errors import BackendError
from rimlight.gpu import Driver
from rimlight.gpu.compile import compile_kernels
from rimlight.gpu.resources import Buffer, Event, Function, Module, Pinned, Stream, Traffic
from rimlight.types import UInt8Array

from .standin.library import PROBE, StandIn

N = 1000
WAIT_S = 20.0


@pytest.fixture
def probe(driver: Driver) -> Module:
    return compile_kernels(driver, PROBE.parent)


def pinned(driver: Driver, content: UInt8Array) -> Pinned:
    made = driver.pinned(content.size)
    made.array[:] = content
    return made


def ramp(start: int = 0) -> UInt8Array:
    return ((np.arange(N) + start) % 256).astype(np.uint8)


def content(driver: Driver, buffer: Buffer, stream: Stream) -> UInt8Array:
    there = driver.pinned(buffer.size_bytes)
    driver.download(there, buffer, stream)
    driver.wait(stream, WAIT_S)
    return there.array


def add(driver: Driver, function: Function, buffer: Buffer, value: int, stream: Stream) -> None:
    count, more = ctypes.c_int(buffer.size_bytes), ctypes.c_int(value)
    driver.launch(function, (8, 1, 1), (128, 1, 1), [buffer, count, more], stream)


def test_a_driver_says_what_it_drives(driver: Driver, binding: str, device: StandIn | None) -> None:
    assert driver.name == binding
    assert driver.info.driver_version >= 11000
    assert driver.info.sm == "sm_{}{}".format(*driver.info.capability)
    assert 0 < driver.free_bytes() <= driver.info.memory_bytes
    if device is not None:
        assert (driver.info.name, driver.info.sm, driver.info.memory_bytes) == ("Stand-in", "sm_89", 1 << 30)


def test_bytes_come_back_as_they_went_up(driver: Driver, stream: Stream) -> None:
    buffer = driver.buffer(N)
    driver.upload(buffer, pinned(driver, ramp()), stream)
    np.testing.assert_array_equal(content(driver, buffer, stream), ramp())


def test_a_part_goes_where_its_offsets_say(driver: Driver, stream: Stream) -> None:
    buffer, down = driver.buffer(N), pinned(driver, np.full(N, 7, np.uint8))
    driver.upload(buffer, pinned(driver, np.zeros(N, np.uint8)), stream)
    driver.upload(buffer, pinned(driver, ramp()), stream, 50, to_offset=100, source_offset=20)
    driver.download(down, buffer, stream, 60, to_offset=10, source_offset=95)
    driver.wait(stream, WAIT_S)
    expected = np.full(N, 7, np.uint8)
    expected[10:70] = np.r_[np.zeros(5), np.arange(20, 70), np.zeros(5)]
    np.testing.assert_array_equal(down.array, expected)


def test_without_a_size_a_copy_takes_what_is_left_from_its_offset(driver: Driver, stream: Stream) -> None:
    buffer, down = driver.buffer(N), pinned(driver, np.zeros(N, np.uint8))
    driver.clear(buffer, stream)
    driver.upload(buffer, pinned(driver, ramp()), stream, source_offset=900)
    driver.download(down, buffer, stream, to_offset=500)
    driver.wait(stream, WAIT_S)
    np.testing.assert_array_equal(down.array, np.r_[np.zeros(500), ramp()[900:], np.zeros(400)])


def test_a_copy_inside_the_device_is_not_traffic(driver: Driver, stream: Stream) -> None:
    first, second = driver.buffer(N), driver.buffer(N)
    driver.upload(first, pinned(driver, ramp()), stream)
    driver.clear(second, stream)
    driver.copy(second, first, 100, stream, to_offset=300, source_offset=50)
    assert driver.traffic == Traffic(uploads=1, upload_bytes=N)
    expected = np.zeros(N, np.uint8)
    expected[300:400] = ramp()[50:150]
    np.testing.assert_array_equal(content(driver, second, stream), expected)


def test_a_stream_works_in_order(driver: Driver, stream: Stream, probe: Module) -> None:
    buffer, kernel = driver.buffer(N), probe.function("probe_add")
    between = driver.pinned(N)
    driver.upload(buffer, pinned(driver, ramp()), stream)
    add(driver, kernel, buffer, 1, stream)
    driver.download(between, buffer, stream)
    driver.clear(buffer, stream)
    add(driver, kernel, buffer, 5, stream)
    assert set(content(driver, buffer, stream)) == {5}
    np.testing.assert_array_equal(between.array, ramp(1))


@pytest.mark.usefixtures("standin")
def test_nothing_is_there_before_it_was_waited_for(driver: Driver, stream: Stream) -> None:
    buffer, up, down = driver.buffer(N), pinned(driver, ramp()), pinned(driver, ramp(9))
    driver.upload(buffer, up, stream)
    driver.download(down, buffer, stream)
    np.testing.assert_array_equal(down.array, ramp(9))
    driver.wait(stream, WAIT_S)
    np.testing.assert_array_equal(down.array, ramp())


def test_a_kernel_gets_arguments_of_every_type(driver: Driver, stream: Stream, probe: Module) -> None:
    total = driver.buffer(8)
    values = [
        ctypes.c_bool(True), ctypes.c_byte(-2), ctypes.c_ubyte(200), ctypes.c_short(-300), ctypes.c_ushort(40_000),
        ctypes.c_int(-70_000), ctypes.c_uint(3_000_000_000), ctypes.c_longlong(-(2**40)), ctypes.c_ulonglong(2**41),
        ctypes.c_float(0.5), ctypes.c_double(0.125),
    ]  # fmt: skip
    driver.launch(probe.function("probe_types"), (1, 1, 1), (1, 1, 1), [total, *values], stream)
    got = content(driver, total, stream).view(np.float64)[0]
    assert got == sum(value.value for value in values)


def test_an_address_inside_a_buffer_is_an_argument(driver: Driver, stream: Stream, probe: Module) -> None:
    buffer = driver.buffer(N)
    driver.clear(buffer, stream)
    tail = ctypes.c_void_p(buffer.address + 600)
    driver.launch(
        probe.function("probe_add"), (2, 1, 1), (256, 1, 1), [tail, ctypes.c_int(400), ctypes.c_int(3)], stream
    )
    np.testing.assert_array_equal(content(driver, buffer, stream), np.r_[np.zeros(600), np.full(400, 3)])


def test_no_pointer_is_a_null_pointer(driver: Driver, stream: Stream, probe: Module) -> None:
    answer = driver.buffer(1)
    for argument, null in ((ctypes.c_void_p(), 1), (answer, 0), (ctypes.c_void_p(0), 1)):
        driver.launch(probe.function("probe_null"), (1, 1, 1), (1, 1, 1), [answer, argument], stream)
        assert content(driver, answer, stream).tolist() == [null]


def test_a_grid_has_three_dimensions(driver: Driver, stream: Stream, probe: Module) -> None:
    grid, block = (3, 2, 4), (4, 2, 2)
    places = driver.buffer(4 * 24 * 16)
    driver.launch(probe.function("probe_places"), grid, block, [places], stream)
    np.testing.assert_array_equal(content(driver, places, stream).view(np.uint32), np.arange(24 * 16))


def work(driver: Driver, stream: Stream, probe: Module) -> tuple[Pinned, Pinned, Buffer, Callable[[], None]]:
    up, down, buffer = pinned(driver, ramp()), pinned(driver, ramp(3)), driver.buffer(N)
    kernel = probe.function("probe_add")

    def queue() -> None:
        driver.upload(buffer, up, stream)
        add(driver, kernel, buffer, 1, stream)
        driver.download(down, buffer, stream)

    return up, down, buffer, queue


def test_a_graph_does_what_was_recorded_each_time(driver: Driver, stream: Stream, probe: Module) -> None:
    up, down, _, queue = work(driver, stream, probe)
    graph = driver.capture(stream, queue)
    driver.wait(stream, WAIT_S)
    np.testing.assert_array_equal(down.array, ramp(3))
    for start in (0, 5, 77):
        up.array[:] = ramp(start)
        driver.launch_graph(graph, stream)
        driver.wait(stream, WAIT_S)
        np.testing.assert_array_equal(down.array, ramp(start + 1))


def test_a_graph_equals_the_same_work_queued_directly(driver: Driver, stream: Stream, probe: Module) -> None:
    _, down, _, queue = work(driver, stream, probe)
    queue()
    driver.wait(stream, WAIT_S)
    direct = down.array.copy()
    graph = driver.capture(stream, queue)
    down.array[:] = 0
    driver.launch_graph(graph, stream)
    driver.wait(stream, WAIT_S)
    np.testing.assert_array_equal(down.array, direct)


def test_what_a_graph_moves_is_counted_at_each_launch(driver: Driver, stream: Stream, probe: Module) -> None:
    graph = driver.capture(stream, work(driver, stream, probe)[-1])
    assert driver.traffic == Traffic()
    assert graph.traffic == Traffic(1, N, 1, N)
    for _ in range(3):
        driver.launch_graph(graph, stream)
    driver.wait(stream, WAIT_S)
    assert driver.traffic == Traffic(3, 3 * N, 3, 3 * N)


def test_the_counts_are_what_the_device_saw(driver: Driver, stream: Stream, probe: Module, standin: StandIn) -> None:
    *_, queue = work(driver, stream, probe)
    queue()
    graph = driver.capture(stream, queue)
    driver.launch_graph(graph, stream)
    driver.wait(stream, WAIT_S)
    state = standin.state
    assert driver.traffic == Traffic(state.uploads, state.upload_bytes, state.downloads, state.download_bytes)
    assert (state.launches, state.graph_launches) == (2, 1)


def test_work_on_another_stream_is_not_recorded(driver: Driver, stream: Stream, probe: Module) -> None:
    other, buffer, up = driver.stream(), driver.buffer(N), pinned(driver, ramp())
    kernel, recorded = probe.function("probe_add"), driver.buffer(N)

    def queue() -> None:
        add(driver, kernel, recorded, 1, stream)
        driver.upload(buffer, up, other)

    graph = driver.capture(stream, queue)
    assert (graph.traffic, driver.traffic) == (Traffic(), Traffic(uploads=1, upload_bytes=N))


def test_two_graphs_pass_memory_back_and_forth(driver: Driver, stream: Stream, probe: Module) -> None:
    here, there, kernel = driver.buffer(N), driver.buffer(N), probe.function("probe_add")

    def step(source: Buffer, to: Buffer) -> Callable[[], None]:
        def queue() -> None:
            driver.copy(to, source, N, stream)
            add(driver, kernel, to, 10, stream)

        return queue

    graphs = [driver.capture(stream, step(here, there)), driver.capture(stream, step(there, here))]
    driver.upload(here, pinned(driver, ramp()), stream)
    for t in range(7):
        driver.launch_graph(graphs[t % 2], stream)
    np.testing.assert_array_equal(content(driver, there, stream), ramp(70))
    np.testing.assert_array_equal(content(driver, here, stream), ramp(60))


def test_a_recording_that_fails_leaves_the_stream_usable(driver: Driver, stream: Stream, probe: Module) -> None:
    _, down, _, queue = work(driver, stream, probe)

    def fail() -> None:
        queue()
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        driver.capture(stream, fail)
    queue()
    driver.wait(stream, WAIT_S)
    np.testing.assert_array_equal(down.array, ramp(1))
    assert driver.traffic == Traffic(1, N, 1, N)


def test_waiting_inside_a_recording_is_an_error(driver: Driver, stream: Stream) -> None:
    with pytest.raises(BackendError, match=r"\(900\); this may not happen while work is recorded"):
        driver.capture(stream, lambda: driver.wait(stream, WAIT_S))
    driver.wait(stream, WAIT_S)


def test_events_happen_in_order_and_are_timed(driver: Driver, stream: Stream, probe: Module) -> None:
    start, end, buffer = driver.event(), driver.event(), driver.buffer(N)
    driver.record(start, stream)
    add(driver, probe.function("probe_add"), buffer, 1, stream)
    driver.record(end, stream)
    driver.wait_event(end, WAIT_S)
    driver.wait_event(start, WAIT_S)
    assert 0 < driver.elapsed_ms(start, end) < 1000 * WAIT_S


def test_a_stream_can_be_held_until_another_is_there(driver: Driver, stream: Stream, probe: Module) -> None:
    other, ready, buffer = driver.stream(), driver.event(), driver.buffer(N)
    driver.upload(buffer, pinned(driver, ramp()), other)
    add(driver, probe.function("probe_add"), buffer, 2, other)
    driver.record(ready, other)
    driver.hold(stream, ready)
    add(driver, probe.function("probe_add"), buffer, 3, stream)
    np.testing.assert_array_equal(content(driver, buffer, stream), ramp(5))


def test_an_event_without_work_has_happened(driver: Driver, stream: Stream) -> None:
    event: Event = driver.event()
    driver.wait_event(event, 0.0)
    driver.wait(stream, 1.0)
