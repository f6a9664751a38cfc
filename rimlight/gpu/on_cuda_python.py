"""NVIDIA's driver through cuda-python (package cuda-bindings), which has wheels and needs no compiler."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from cuda.bindings import driver as cuda

from rimlight.errors import BackendError
from rimlight.gpu.binding import Binding, Release
from rimlight.gpu.faults import NOT_READY, OUT_OF_MEMORY, fault, no_driver, out_of_memory
from rimlight.gpu.resources import DeviceInfo, Grid, Scalar

_MAJOR = cuda.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
_MINOR = cuda.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
_NON_BLOCKING = cuda.CUstream_flags.CU_STREAM_NON_BLOCKING
_THREAD_LOCAL = cuda.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL


def open_binding(device: int) -> Binding:
    """Raises BackendError where there is no driver or no such GPU."""
    try:
        _call(cuda.cuInit, 0)
    except (RuntimeError, OSError) as error:
        raise no_driver(error) from error
    return CudaPython(_call(cuda.cuDeviceGet, device))


class CudaPython(Binding):
    """Handles are cuda.bindings' own objects."""

    name = "cuda-python"

    def __init__(self, device: Any) -> None:
        self._device = device
        self.info = DeviceInfo(
            name=_call(cuda.cuDeviceGetName, 256, device).split(b"\0")[0].decode(),
            capability=(
                _call(cuda.cuDeviceGetAttribute, _MAJOR, device), _call(cuda.cuDeviceGetAttribute, _MINOR, device)
            ),
            driver_version=_call(cuda.cuDriverGetVersion),
            memory_bytes=_call(cuda.cuDeviceTotalMem, device),
        )  # fmt: skip
        self._context = _call(cuda.cuDevicePrimaryCtxRetain, device)

    def enter(self) -> None:
        _call(cuda.cuCtxPushCurrent, self._context)

    def leave(self) -> None:
        _call(cuda.cuCtxPopCurrent)

    def close(self) -> None:
        _call(cuda.cuDevicePrimaryCtxRelease, self._device)

    def free_bytes(self) -> int:
        return int(_call(cuda.cuMemGetInfo)[0])

    def buffer(self, size_bytes: int) -> tuple[int, Release]:
        code, address = cuda.cuMemAlloc(size_bytes)
        if int(code) == OUT_OF_MEMORY:
            raise out_of_memory(size_bytes, *_call(cuda.cuMemGetInfo))
        _check(code, cuda.cuMemAlloc)
        return int(address), lambda: _call(cuda.cuMemFree, address)

    def pinned(self, size_bytes: int) -> tuple[int, Release]:
        address = _call(cuda.cuMemHostAlloc, size_bytes, 0)
        return int(address), lambda: _call(cuda.cuMemFreeHost, address)

    def stream(self) -> tuple[Any, int, Release]:
        stream = _call(cuda.cuStreamCreate, _NON_BLOCKING)
        return stream, int(stream), lambda: _call(cuda.cuStreamDestroy, stream)

    def event(self) -> tuple[Any, Release]:
        event = _call(cuda.cuEventCreate, 0)
        return event, lambda: _call(cuda.cuEventDestroy, event)

    def load(self, image: bytes) -> tuple[Any, Release]:
        module = _call(cuda.cuModuleLoadData, image)
        return module, lambda: _call(cuda.cuModuleUnload, module)

    def function(self, module: Any, name: str) -> Any:
        return _call(cuda.cuModuleGetFunction, module, name.encode())

    def upload(self, to: int, source: int, size_bytes: int, stream: Any) -> None:
        _call(cuda.cuMemcpyHtoDAsync, to, source, size_bytes, stream)

    def download(self, to: int, source: int, size_bytes: int, stream: Any) -> None:
        _call(cuda.cuMemcpyDtoHAsync, to, source, size_bytes, stream)

    def copy(self, to: int, source: int, size_bytes: int, stream: Any) -> None:
        _call(cuda.cuMemcpyDtoDAsync, to, source, size_bytes, stream)

    def clear(self, address: int, size_bytes: int, stream: Any) -> None:
        _call(cuda.cuMemsetD8Async, address, 0, size_bytes, stream)

    def launch(self, function: Any, grid: Grid, block: Grid, arguments: Sequence[Scalar], stream: Any) -> None:
        places = (ctypes.c_void_p * len(arguments))(*map(ctypes.addressof, arguments))
        _call(cuda.cuLaunchKernel, function, *grid, *block, 0, stream, ctypes.addressof(places), 0)

    def begin_capture(self, stream: Any) -> None:
        _call(cuda.cuStreamBeginCapture, stream, _THREAD_LOCAL)

    def drop_capture(self, stream: Any) -> None:
        code, graph = cuda.cuStreamEndCapture(stream)
        if not int(code) and int(graph):
            cuda.cuGraphDestroy(graph)

    def end_capture(self, stream: Any) -> tuple[Any, Release]:
        graph = _call(cuda.cuStreamEndCapture, stream)
        try:
            ready = _call(cuda.cuGraphInstantiate, graph, 0)
        finally:
            _call(cuda.cuGraphDestroy, graph)
        return ready, lambda: _call(cuda.cuGraphExecDestroy, ready)

    def launch_graph(self, graph: Any, stream: Any) -> None:
        _call(cuda.cuGraphLaunch, graph, stream)

    def record(self, event: Any, stream: Any) -> None:
        _call(cuda.cuEventRecord, event, stream)

    def hold(self, stream: Any, event: Any) -> None:
        _call(cuda.cuStreamWaitEvent, stream, event, 0)

    def event_done(self, event: Any) -> bool:
        return _done(cuda.cuEventQuery, event)

    def stream_done(self, stream: Any) -> bool:
        return _done(cuda.cuStreamQuery, stream)

    def elapsed_ms(self, start: Any, end: Any) -> float:
        return float(_call(cuda.cuEventElapsedTime, start, end))


def _call(function: Any, *arguments: Any) -> Any:
    """What a function of the driver gives besides its code; raises BackendError for a code other than success."""
    code, *results = function(*arguments)
    _check(code, function)
    return results[0] if len(results) == 1 else results


def _check(code: Any, function: Any) -> None:
    if int(code):
        raise _fault(code, function)


def _fault(code: Any, function: Any) -> BackendError:
    text = cuda.cuGetErrorString(code)[1]
    return fault(int(code), function.__name__, text.decode() if text else "unknown error")


def _done(query: Any, handle: Any) -> bool:
    code = query(handle)[0]
    if int(code) == NOT_READY:
        return False
    _check(code, query)
    return True
