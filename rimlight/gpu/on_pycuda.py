"""NVIDIA's driver through pycuda, for machines that have it; it has no wheels and no graphs, so those go by ctypes."""

from __future__ import annotations

import atexit
import ctypes
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from rimlight.errors import BackendError
from rimlight.gpu.binding import Binding, Release
from rimlight.gpu.faults import OUT_OF_MEMORY, fault, no_driver, out_of_memory
from rimlight.gpu.resources import DeviceInfo, Grid, Scalar

_NON_BLOCKING = 1
_THREAD_LOCAL = 1
_CODES = range(1, 1000)
_contexts: dict[int, Any] = {}  # pycuda lets go of a context only in the thread that took it: one each, for good


def open_binding(device: int) -> Binding:
    """Raises BackendError where there is no driver or no such GPU."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # says the same as the error
            import pycuda.driver as cuda
        library = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except (ImportError, OSError) as error:
        raise no_driver(error) from error
    return PyCuda(cuda, library, device)


class PyCuda(Binding):
    """Handles are lists of one: pycuda's objects end when nobody has them any more, so the list is emptied."""

    name = "pycuda"

    def __init__(self, cuda: Any, library: ctypes.CDLL, device: int) -> None:
        self._cuda = cuda
        self._library = library
        with self._faults():
            cuda.init()
            there = cuda.Device(device)
            self.info = DeviceInfo(
                there.name(), there.compute_capability(), cuda.get_driver_version(), there.total_memory()
            )
            if device not in _contexts:
                _contexts[device] = there.retain_primary_context()
                atexit.register(_contexts[device].detach)
        self._context = _contexts[device]

    def enter(self) -> None:
        with self._faults():
            self._context.push()

    def leave(self) -> None:
        with self._faults():
            self._context.pop()

    def close(self) -> None:
        pass

    def free_bytes(self) -> int:
        with self._faults():
            return int(self._cuda.mem_get_info()[0])

    def buffer(self, size_bytes: int) -> tuple[int, Release]:
        try:
            with self._faults():
                memory = self._cuda.mem_alloc(size_bytes)
        except _OutOfMemory as error:
            with self._faults():
                raise out_of_memory(size_bytes, *self._cuda.mem_get_info()) from error
        return int(memory), self._release(memory.free)

    def pinned(self, size_bytes: int) -> tuple[int, Release]:
        with self._faults():
            array = self._cuda.pagelocked_empty(size_bytes, np.uint8)
        return int(array.ctypes.data), self._release(array.base.free)

    def stream(self) -> tuple[Any, int, Release]:
        with self._faults():
            stream = [self._cuda.Stream(_NON_BLOCKING)]
        return stream, int(stream[0].handle), stream.clear

    def event(self) -> tuple[Any, Release]:
        with self._faults():
            event = [self._cuda.Event()]
        return event, event.clear

    def load(self, image: bytes) -> tuple[Any, Release]:
        with self._faults():
            module = [self._cuda.module_from_buffer(image)]
        functions: list[list[Any]] = []

        def release() -> None:
            for function in functions:  # each holds the module
                function.clear()
            module.clear()

        return (module, functions), release

    def function(self, module: Any, name: str) -> Any:
        (loaded,), functions = module
        with self._faults():
            functions.append([loaded.get_function(name)])
        return functions[-1]

    def upload(self, to: int, source: int, size_bytes: int, stream: Any) -> None:
        with self._faults():
            self._cuda.memcpy_htod_async(to, (ctypes.c_uint8 * size_bytes).from_address(source), stream[0])

    def download(self, to: int, source: int, size_bytes: int, stream: Any) -> None:
        with self._faults():
            self._cuda.memcpy_dtoh_async((ctypes.c_uint8 * size_bytes).from_address(to), source, stream[0])

    def copy(self, to: int, source: int, size_bytes: int, stream: Any) -> None:
        with self._faults():
            self._cuda.memcpy_dtod_async(to, source, size_bytes, stream[0])

    def clear(self, address: int, size_bytes: int, stream: Any) -> None:
        with self._faults():
            self._cuda.memset_d8_async(address, 0, size_bytes, stream[0])

    def launch(self, function: Any, grid: Grid, block: Grid, arguments: Sequence[Scalar], stream: Any) -> None:
        values: list[Any] = list(arguments)
        with self._faults():
            function[0].prepare([each._type_ for each in values])  # ctypes and struct have the same letters
            function[0].prepared_async_call(grid, block, stream[0], *(each.value or 0 for each in values))

    def begin_capture(self, stream: Any) -> None:
        self._call("cuStreamBeginCapture_v2", _handle(stream), _THREAD_LOCAL)

    def drop_capture(self, stream: Any) -> None:
        graph = ctypes.c_void_p()
        if not self._library.cuStreamEndCapture(_handle(stream), ctypes.byref(graph)) and graph:
            self._library.cuGraphDestroy(graph)

    def end_capture(self, stream: Any) -> tuple[Any, Release]:
        graph, ready = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuStreamEndCapture", _handle(stream), ctypes.byref(graph))
        try:
            self._call("cuGraphInstantiateWithFlags", ctypes.byref(ready), graph, ctypes.c_uint64(0))
        finally:
            self._call("cuGraphDestroy", graph)
        return ready, lambda: self._call("cuGraphExecDestroy", ready)

    def launch_graph(self, graph: Any, stream: Any) -> None:
        self._call("cuGraphLaunch", graph, _handle(stream))

    def record(self, event: Any, stream: Any) -> None:
        with self._faults():
            event[0].record(stream[0])

    def hold(self, stream: Any, event: Any) -> None:
        with self._faults():
            stream[0].wait_for_event(event[0])

    def event_done(self, event: Any) -> bool:
        with self._faults():
            return bool(event[0].query())

    def stream_done(self, stream: Any) -> bool:
        with self._faults():
            return bool(stream[0].is_done())

    def elapsed_ms(self, start: Any, end: Any) -> float:
        with self._faults():
            return float(end[0].time_since(start[0]))

    def _release(self, free: Release) -> Release:
        def release() -> None:
            with self._faults():
                free()

        return release

    def _call(self, name: str, *arguments: Any) -> None:
        """A function of the driver itself."""
        code = getattr(self._library, name)(*arguments)
        if code:
            raise fault(code, name, _text(self._library, code))

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """pycuda's errors as ours; they carry words only, so the code is found by the driver's own words."""
        try:
            yield
        except self._cuda.Error as error:
            call, _, text = str(error).partition(" failed: ")
            text = text.partition(" - ")[0]
            code = _codes(self._library).get(text, 0)
            kind = _OutOfMemory if code == OUT_OF_MEMORY else BackendError
            raise kind(str(fault(code, call, text))) from error


class _OutOfMemory(BackendError):
    """Caught where the size that was wanted is known."""


@lru_cache(maxsize=1)
def _codes(library: ctypes.CDLL) -> dict[str, int]:
    return {_text(library, code): code for code in _CODES}


def _text(library: ctypes.CDLL, code: int) -> str:
    text = ctypes.c_char_p()
    library.cuGetErrorString(code, ctypes.byref(text))
    return text.value.decode() if text.value else "unknown error"


def _handle(stream: Any) -> ctypes.c_void_p:
    return ctypes.c_void_p(stream[0].handle)
