"""What goes wrong with a GPU is one kind of error that says what to do, and leaves nothing behind."""

from __future__ import annotations

import ctypes
import gc

import numpy as np
import pytest

import rimlight.gpu.driver
from rimlight.errors import BackendError
from rimlight.gpu import Driver, open_driver
from rimlight.gpu.compile import compile_kernels
from rimlight.gpu.resources import Module, Stream

from .standin.library import PROBE, StandIn

LAUNCH_FAILED, INVALID_VALUE = 719, 1
WAIT_S = 20.0


def test_out_of_memory_says_how_much_was_wanted_and_free(driver: Driver, standin: StandIn) -> None:
    standin.state.memory_bytes = 10 << 20  # some of it is held for good by tests of devices that hang
    taken = driver.buffer(4 << 20)
    message = rf"wanted 7.0 MiB, {driver.free_bytes() / 2**20:.1f} of 10 MiB are free; .* smaller --detail"
    with pytest.raises(BackendError, match=message):
        driver.buffer(7 << 20)
    driver.free(taken)
    driver.buffer(driver.free_bytes())


def test_more_than_the_device_has_is_out_of_memory(driver: Driver) -> None:
    with pytest.raises(BackendError, match="out of memory"):
        driver.buffer(driver.info.memory_bytes * 2)
    driver.buffer(1)


def test_a_kernel_of_another_name_is_an_error(driver: Driver) -> None:
    module = compile_kernels(driver, PROBE.parent)
    with pytest.raises(BackendError, match=r"\(500\); the kernels are not what this version of rimlight expects"):
        module.function("paint_everything")


def test_what_is_no_image_is_an_error(driver: Driver) -> None:
    with pytest.raises(BackendError, match=r"cuModuleLoadData.* failed: .*the file of compiled kernels is damaged"):
        driver.load(b"no kernels in here" + bytes(100))


@pytest.mark.parametrize(("size", "to", "source"), [(101, 0, 0), (0, 0, 0), (50, 60, 0), (50, 0, 60), (10, -1, 0)])
def test_a_copy_past_an_end_is_refused(driver: Driver, stream: Stream, size: int, to: int, source: int) -> None:
    buffer, other, memory = driver.buffer(100), driver.buffer(100), driver.pinned(100)
    with pytest.raises(BackendError, match="expected a copy inside 100 bytes"):
        driver.upload(buffer, memory, stream, size, to, source)
    with pytest.raises(BackendError, match="expected a copy inside 100 bytes"):
        driver.download(memory, buffer, stream, size, to, source)
    with pytest.raises(BackendError, match="expected a copy inside 100 bytes"):
        driver.copy(buffer, other, size, stream, to, source)
    assert driver.traffic == type(driver.traffic)()


def test_an_empty_buffer_is_refused(driver: Driver) -> None:
    for make in (driver.buffer, driver.pinned):
        with pytest.raises(BackendError, match="at least 1 byte, got 0"):
            make(0)


def test_a_wait_ends_when_its_time_is_up(driver: Driver, stream: Stream, standin: StandIn) -> None:
    buffer, event = driver.buffer(8), driver.event()
    driver.clear(buffer, stream)
    driver.record(event, stream)
    standin.state.hang = 1
    with pytest.raises(BackendError, match=r"did not finish within 0.01 s; open the backend again"):
        driver.wait(stream, 0.01)
    with pytest.raises(BackendError, match="did not finish within 0 s"):
        driver.wait_event(event, 0.0)
    standin.state.hang = 0
    driver.wait(stream, WAIT_S)


def test_closing_does_not_wait_for_a_device_that_hangs(
    binding: str, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rimlight.gpu.driver, "CLOSING_S", 0.01)
    driver = open_driver(binding)
    buffer, stream, memory = driver.buffer(8), driver.stream(), driver.pinned(8)
    driver.clear(buffer, stream)
    standin.state.hang = 1
    driver.close()
    del memory
    gc.collect()
    assert standin.state.blocked == 0
    assert standin.held == {"buffers": 1, "streams": 1, "host_blocks": 1}


def test_everything_is_given_back_once(driver: Driver, standin: StandIn) -> None:
    driver.buffer(8)
    stream, event, module = driver.stream(), driver.event(), compile_kernels(driver, PROBE.parent)
    buffer = driver.buffer(16)
    graph = driver.capture(stream, lambda: driver.clear(buffer, stream))
    assert standin.held == {"buffers": 2, "streams": 1, "events": 1, "modules": 1, "graphs": 1}
    for resource in (graph, event, module, buffer, stream, graph, event, module, buffer, stream):
        driver.free(resource)
    assert standin.held == {"buffers": 1}
    driver.close()
    driver.close()
    assert standin.held == {}
    driver.free(buffer)


def test_a_closed_driver_says_so(driver: Driver) -> None:
    stream, buffer = driver.stream(), driver.buffer(8)
    driver.close()
    for use in (lambda: driver.buffer(8), lambda: driver.clear(buffer, stream), lambda: driver.wait(stream, 1)):
        with pytest.raises(BackendError, match="driver is closed; open the backend again"):
            use()


def test_page_locked_memory_outlives_the_driver_while_it_is_seen(binding: str, device: StandIn | None) -> None:
    driver = open_driver(binding)
    view = driver.pinned(1000).array[10:20]
    driver.close()
    gc.collect()
    view[:] = 7
    assert view.sum() == 70
    if device is not None:
        assert device.held == {"host_blocks": 1}
    del view
    gc.collect()
    if device is not None:
        assert device.held == {}


def test_the_device_is_let_go_of(standin: StandIn) -> None:
    pytest.importorskip("cuda.bindings")
    before = standin.state.retained
    driver = open_driver("cuda-python")
    memory = driver.pinned(8)
    driver.close()
    assert standin.state.retained == before + 1, "its page-locked memory would go"
    del memory
    gc.collect()
    assert standin.state.retained == before


def use_everything(binding: str) -> np.ndarray:
    """A run through the whole interface; returns what came back."""
    driver = open_driver(binding)
    try:
        stream, start, end = driver.stream(), driver.event(), driver.event()
        buffer, other, memory = driver.buffer(64), driver.buffer(64), driver.pinned(64)
        module: Module = compile_kernels(driver, PROBE.parent)
        kernel = module.function("probe_add")
        memory.array[:] = np.arange(64)

        def queue() -> None:
            driver.upload(buffer, memory, stream)
            driver.copy(other, buffer, 64, stream)
            driver.launch(kernel, (1, 1, 1), (64, 1, 1), [other, ctypes.c_int(64), ctypes.c_int(1)], stream)
            driver.download(memory, other, stream)

        driver.clear(buffer, stream)
        driver.record(start, stream)
        graph = driver.capture(stream, queue)
        driver.launch_graph(graph, stream)
        driver.record(end, stream)
        driver.hold(stream, end)
        driver.wait_event(end, WAIT_S)
        driver.wait(stream, WAIT_S)
        assert driver.elapsed_ms(start, end) > 0
        assert driver.free_bytes() > 0
        return memory.array.copy()
    finally:
        driver.close()


def test_the_run_counts_calls(binding: str, standin: StandIn) -> None:
    np.testing.assert_array_equal(use_everything(binding), np.arange(1, 65))
    assert standin.state.calls > 30


@pytest.mark.parametrize("stays", [False, True])
def test_a_failure_of_any_call_is_a_backend_error(binding: str, standin: StandIn, stays: bool) -> None:
    """The n-th call of the driver fails, for every n: once, or so that the device is lost."""
    use_everything(binding)
    calls = standin.state.calls
    said = []
    for n in range(1, calls + 1):
        with standin.plugged():
            standin.state.fault_at, standin.state.fault_stays = n, stays
            standin.state.fault_code = LAUNCH_FAILED if stays else INVALID_VALUE
            try:
                use_everything(binding)
            except BackendError as error:
                said.append(str(error))
    assert len(said) > calls // 2
    assert all("open the backend again" in message for message in said)
    with standin.plugged():
        np.testing.assert_array_equal(use_everything(binding), np.arange(1, 65))


def test_a_lost_device_works_again_when_it_is_opened_again(standin: StandIn) -> None:
    pytest.importorskip("cuda.bindings")
    others, standin.state.retained = standin.state.retained, 0
    standin.state.fault_at, standin.state.fault_stays, standin.state.fault_code = 25, 1, LAUNCH_FAILED
    with pytest.raises(BackendError, match="can do no more for it: open the backend again"):
        use_everything("cuda-python")
    assert standin.state.sick == 0, "nobody holds the lost device"
    np.testing.assert_array_equal(use_everything("cuda-python"), np.arange(1, 65))
    standin.state.retained += others
