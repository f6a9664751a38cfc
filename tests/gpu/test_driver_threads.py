"""Several threads share a device, and recording a graph is undisturbed by them and by garbage."""

from __future__ import annotations

import ctypes
import gc
import threading

import pytest

from rimlight.errors import BackendError
from rimlight.gpu import Driver
from rimlight.gpu.compile import compile_kernels
from rimlight.gpu.resources import Stream

from .standin.library import PROBE

WAIT_S = 20.0


def test_garbage_with_page_locked_memory_does_not_spoil_a_recording(driver: Driver, stream: Stream) -> None:
    buffer = driver.buffer(8)

    def work() -> None:
        circle: list[object] = [driver_memory.pop()]
        circle.append(circle)
        del circle
        driver.clear(buffer, stream)
        kept = [[n] for n in range(5000)]  # enough to have garbage collected
        assert len(kept) == 5000
        assert not gc.isenabled()

    driver_memory = [driver.pinned(8)]
    driver.launch_graph(driver.capture(stream, work), stream)
    assert gc.isenabled()
    gc.collect()
    driver.wait(stream, WAIT_S)


def test_garbage_is_collected_again_after_a_recording_that_failed(driver: Driver, stream: Stream) -> None:
    def work() -> None:
        with pytest.raises(ZeroDivisionError):
            driver.capture(driver.stream(), lambda: [] * (1 // 0))
        assert not gc.isenabled()
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        driver.capture(stream, work)
    assert gc.isenabled()


def test_threads_work_side_by_side(driver: Driver) -> None:
    """Each thread queues on its own stream, with what another thread made, and without making the device current."""
    kernel = compile_kernels(driver, PROBE.parent).function("probe_add")
    streams = [driver.stream() for _ in range(2)]
    results: dict[int, list[int]] = {}

    def work(number: int) -> None:
        stream, memory = streams[number], driver.pinned(64)
        mine = []
        for value in range(30):
            buffer = driver.buffer(64)
            driver.clear(buffer, stream)
            arguments = [buffer, ctypes.c_int(64), ctypes.c_int(value + number)]
            driver.launch(kernel, (1, 1, 1), (64, 1, 1), arguments, stream)
            driver.download(memory, buffer, stream)
            driver.wait(stream, WAIT_S)
            mine.append(int(memory.array[63]))
            driver.free(buffer)
        results[number] = mine

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert results == {0: list(range(30)), 1: list(range(1, 31))}
    assert driver.traffic.downloads == 60


def test_another_thread_may_make_and_free_while_one_records(driver: Driver, stream: Stream) -> None:
    buffer = driver.buffer(8)

    def use() -> None:
        driver.free(driver.buffer(8))
        driver.pinned(8)
        driver.wait(driver.stream(), WAIT_S)

    def work() -> None:
        thread = threading.Thread(target=use)
        thread.start()
        thread.join(WAIT_S)
        driver.clear(buffer, stream)

    driver.launch_graph(driver.capture(stream, work), stream)
    driver.wait(stream, WAIT_S)
    with pytest.raises(BackendError, match=r"\(900\); this may not happen while work is recorded"):
        driver.capture(stream, lambda: driver.free(driver.buffer(8)))


def test_another_thread_may_close(driver: Driver) -> None:
    driver.buffer(8), driver.event(), compile_kernels(driver, PROBE.parent).function("probe_add")
    driver.clear(driver.buffer(8), driver.stream())
    thread = threading.Thread(target=driver.close)
    thread.start()
    thread.join(WAIT_S)
    with pytest.raises(BackendError, match="closed"):
        driver.buffer(8)


@pytest.mark.usefixtures("standin")
def test_the_device_is_current_inside_and_as_before_outside(driver: Driver) -> None:
    now = ctypes.CDLL("libcuda.so.1").cuCtxGetCurrent
    place = ctypes.c_void_p()

    def there() -> bool:
        now(ctypes.byref(place))
        return bool(place)

    assert not there()
    with driver.current():
        assert there()
        with driver.current():
            driver.buffer(8)
        assert there()
    assert not there()
