"""Many streams with ONNX Runtime: calls abreast on the processor, batches on a GPU; the same mattes as one.

Threads that spin while they wait would take the processors from the session whose turn it is: two sessions that
take turns on two cores, measured so, need up to three times as long. So they sleep here.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import onnxruntime as ort

from rimlight.backends.on_onnx import PROVIDERS, bound, described, open_session, provider_of
from rimlight.backends.streams_host import HostStreams, rows
from rimlight.errors import BackendError
from rimlight.kernels import parallel
from rimlight.signature import INPUTS, CallShape
from rimlight.types import FloatArray, Size


@dataclass(frozen=True, slots=True)
class _Group:
    """A session and the bindings that run abreast in it, each of `each` streams."""

    session: ort.InferenceSession
    bindings: list[ort.IOBinding]
    each: int


class OnnxStreams(HostStreams):
    """Memory stays in host arrays; coefficients are written where the caller reads them."""

    name = "onnx"

    def __init__(
        self, size: Size, slots: int, together: int = 4, device: str = "cpu", threads: int | None = None
    ) -> None:  # fmt: skip
        super().__init__(size, slots, together)
        self._provider, self._threads = provider_of(device), threads
        self._make_arrays(threads)
        self._groups = {count: self._open(count) for count in self.groups}
        self._pool = ThreadPoolExecutor(max(self.groups), thread_name_prefix="rimlight-onnx")

    @property
    def device(self) -> str:
        return described(self._provider)

    @property
    def on_cpu(self) -> bool:
        return self._provider == PROVIDERS["cpu"]

    def close(self) -> None:
        self._pool.shutdown()
        self._groups.clear()

    def _open(self, count: int) -> _Group:
        each = 1 if self.on_cpu else count
        share = self._threads
        if count > each:
            share = (self._threads or parallel.threads()) - count + 1  # every call brings the thread it comes from
        session = open_session(CallShape(self.size, streams=each), self._provider, share, spinning=False)
        bindings = []
        for first in range(0, count, each):
            part = rows(self._arrays[count], first, first + each)
            after = {name: part[name] for name in ("next_keys", "next_values")}
            bindings.append(bound(session, {name: part[name] for name in INPUTS}, after))
        return _Group(session, bindings, each)

    def _infer(self, count: int, scale: FloatArray, offset: FloatArray) -> None:
        group = self._groups[count]
        for index, binding in enumerate(group.bindings):
            part = slice(index * group.each, (index + 1) * group.each)
            for name, array in (("scale", scale[part, None]), ("offset", offset[part, None])):
                binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        calls = [self._pool.submit(group.session.run_with_iobinding, binding) for binding in group.bindings]
        wait(calls)  # all of them, even after a failure: they write to the arrays until they are done
        for call in calls:
            if error := call.exception():  # the runtime has no common base class of its errors
                raise BackendError(f"ONNX Runtime failed on a {self.size} step of {count} streams: {error}") from error
