"""What the rest asks of a GPU: memory, copies, kernels and graphs, behind one small interface.

`Driver` checks, counts and waits; a binding (`on_cuda_python`, `on_pycuda`) makes the calls. Memory of the device is
given back by `free` or `close`; page-locked memory of the host lives as long as an array looks at it.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from rimlight.errors import BackendError
from rimlight.gpu.binding import Binding
from rimlight.gpu.current import Current
from rimlight.gpu.holdings import Holdings
from rimlight.gpu.recording import Recording
from rimlight.gpu.resources import (
    Argument,
    Buffer,
    DeviceInfo,
    Event,
    Function,
    Graph,
    Grid,
    Module,
    Pinned,
    Resource,
    Stream,
    Traffic,
)

CLOSING_S = 2.0  # how long close() waits for work under way before it leaves the memory to the end of the process
_YIELD_S, _SHORT_S, _NAP_S, _LONG_NAP_S = 5e-4, 1e-2, 5e-5, 1e-3


class Driver:
    """One device, usable from several threads; raises BackendError, with what to do, for everything that fails.

    Work is queued on streams and runs later; only `wait`, `wait_event`, `free` and `close` wait.
    """

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self.traffic = Traffic()
        self._current = Current(binding)
        self._holdings = Holdings(binding)
        self._recording = Recording()
        self._counting = threading.Lock()

    @property
    def name(self) -> str:
        """The binding: cuda-python or pycuda."""
        return self._binding.name

    @property
    def info(self) -> DeviceInfo:
        return self._binding.info

    def current(self) -> AbstractContextManager[None]:
        """Inside, the device is the thread's own: for calls of other libraries, and to save time around many calls."""
        return self._current

    def buffer(self, size_bytes: int) -> Buffer:
        """Memory on the device, of unknown content."""
        _check(size_bytes > 0, f"expected a buffer of at least 1 byte, got {size_bytes}")
        with self._current:
            address, release = self._binding.buffer(size_bytes)
            return self._holdings.keep(Buffer(address, size_bytes), release)

    def pinned(self, size_bytes: int) -> Pinned:
        """Page-locked memory of the host, of unknown content."""
        _check(size_bytes > 0, f"expected page-locked memory of at least 1 byte, got {size_bytes}")
        with self._current:
            address, release = self._binding.pinned(size_bytes)
        return self._holdings.pin(address, size_bytes, release)

    def stream(self) -> Stream:
        """A stream that does not wait for the default one."""
        with self._current:
            native, handle, release = self._binding.stream()
            return self._holdings.keep(Stream(handle, native), release)

    def event(self) -> Event:
        with self._current:
            native, release = self._binding.event()
            return self._holdings.keep(Event(native), release)

    def load(self, image: bytes) -> Module:
        """Kernels from a cubin or PTX."""
        with self._current:
            native, release = self._binding.load(image)

        def function(name: str) -> Function:
            with self._current:
                return Function(name, self._binding.function(native, name))

        return self._holdings.keep(Module(native, function), release)

    def free(self, resource: Resource) -> None:
        """Give back what this driver made; nothing happens the second time."""
        release = self._holdings.pop(resource)
        if release is not None:
            with self._current:
                release()

    def upload(
        self, to: Buffer, source: Pinned, stream: Stream, size_bytes: int | None = None,
        to_offset: int = 0, source_offset: int = 0,
    ) -> None:  # fmt: skip
        """Queue a copy from host to device, of the whole source unless size_bytes says less."""
        size = source.size_bytes - source_offset if size_bytes is None else size_bytes
        _check_inside("device", to.size_bytes, to_offset, size)
        _check_inside("host", source.size_bytes, source_offset, size)
        with self._current:
            self._binding.upload(to.address + to_offset, source.address + source_offset, size, stream.native)
        self._count(Traffic(uploads=1, upload_bytes=size), stream)

    def download(
        self, to: Pinned, source: Buffer, stream: Stream, size_bytes: int | None = None,
        to_offset: int = 0, source_offset: int = 0,
    ) -> None:  # fmt: skip
        """Queue a copy from device to host, as much as the target takes unless size_bytes says less."""
        size = to.size_bytes - to_offset if size_bytes is None else size_bytes
        _check_inside("host", to.size_bytes, to_offset, size)
        _check_inside("device", source.size_bytes, source_offset, size)
        with self._current:
            self._binding.download(to.address + to_offset, source.address + source_offset, size, stream.native)
        self._count(Traffic(downloads=1, download_bytes=size), stream)

    def copy(
        self, to: Buffer, source: Buffer, size_bytes: int, stream: Stream, to_offset: int = 0, source_offset: int = 0
    ) -> None:
        """Queue a copy inside the device."""
        _check_inside("device", to.size_bytes, to_offset, size_bytes)
        _check_inside("device", source.size_bytes, source_offset, size_bytes)
        with self._current:
            self._binding.copy(to.address + to_offset, source.address + source_offset, size_bytes, stream.native)

    def clear(self, buffer: Buffer, stream: Stream) -> None:
        """Queue zeros for the whole buffer."""
        with self._current:
            self._binding.clear(buffer.address, buffer.size_bytes, stream.native)

    def launch(
        self, function: Function, grid: Grid, block: Grid, arguments: Sequence[Argument], stream: Stream
    ) -> None:
        """Queue a kernel; arguments are buffers or ctypes values of exactly the kernel's types."""
        values = [ctypes.c_void_p(each.address) if isinstance(each, Buffer) else each for each in arguments]
        with self._current:
            self._binding.launch(function.native, grid, block, values, stream.native)

    def capture(self, stream: Stream, work: Callable[[], None]) -> Graph:
        """Record what work queues on the stream, without running it.

        Run the work once before, so that nothing is set up or allocated inside.
        """
        with self._current, self._recording.of(stream) as counts:
            self._binding.begin_capture(stream.native)
            try:
                work()
                native, release = self._binding.end_capture(stream.native)
            except BaseException:
                self._binding.drop_capture(stream.native)
                raise
        return self._holdings.keep(Graph(native, counts), release)

    def launch_graph(self, graph: Graph, stream: Stream) -> None:
        """Queue all that was recorded."""
        with self._current:
            self._binding.launch_graph(graph.native, stream.native)
        self._count(graph.traffic, stream)

    def record(self, event: Event, stream: Stream) -> None:
        """The event happens when all that is queued on the stream by now has run."""
        with self._current:
            self._binding.record(event.native, stream.native)

    def elapsed_ms(self, start: Event, end: Event) -> float:
        """Device time between two events that have both happened."""
        with self._current:
            return self._binding.elapsed_ms(start.native, end.native)

    def wait(self, stream: Stream, timeout_s: float) -> None:
        """Return when the stream has run all its work; raises BackendError after timeout_s."""
        self._wait(self._binding.stream_done, stream.native, timeout_s)

    def wait_event(self, event: Event, timeout_s: float) -> None:
        """Return when the event has happened; raises BackendError after timeout_s."""
        self._wait(self._binding.event_done, event.native, timeout_s)

    def hold(self, stream: Stream, event: Event) -> None:
        """What is queued on the stream from now on waits, on the device, for the event."""
        with self._current:
            self._binding.hold(stream.native, event.native)

    def free_bytes(self) -> int:
        """Device memory that nobody has taken."""
        with self._current:
            return self._binding.free_bytes()

    def close(self) -> None:
        """Give everything back; nothing happens the second time, and nothing is raised where the device failed.

        Where work does not end in time, memory is left to the end of the process: freeing it would wait too.
        """
        if self._current.closed:
            return
        if self._idle():
            self._holdings.close()
        else:
            self._holdings.leave()
        self._current.closed = True

    def _idle(self) -> bool:
        """Whether all streams have run their work, or never will because the device failed."""
        try:
            done = self._binding.stream_done
            return all(self._finished(done, stream.native, CLOSING_S) for stream in self._holdings.streams())
        except BackendError:
            return True

    def _count(self, traffic: Traffic, stream: Stream) -> None:
        counts = self._recording.counts if self._recording.stream is stream else self.traffic
        with self._counting:
            counts.add(traffic)

    def _wait(self, done: Callable[[Any], bool], native: Any, timeout_s: float) -> None:
        if not self._finished(done, native, timeout_s):
            raise BackendError(
                f"the GPU did not finish within {timeout_s:g} s; open the backend again, and look with nvidia-smi "
                "whether other programs keep it busy"
            )

    def _finished(self, done: Callable[[Any], bool], native: Any, timeout_s: float) -> bool:
        start_s = time.perf_counter()
        with self._current:
            while not done(native):
                waited_s = time.perf_counter() - start_s
                if waited_s > timeout_s:
                    return False
                time.sleep(0 if waited_s < _YIELD_S else _NAP_S if waited_s < _SHORT_S else _LONG_NAP_S)
        return True


def _check(fits: bool, message: str) -> None:
    if not fits:
        raise BackendError(message)


def _check_inside(where: str, there_bytes: int, offset: int, size_bytes: int) -> None:
    _check(
        offset >= 0 and size_bytes > 0 and offset + size_bytes <= there_bytes,
        f"expected a copy inside {there_bytes} bytes of {where} memory, got {size_bytes} bytes from {offset} on",
    )
