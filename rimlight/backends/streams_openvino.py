"""Many streams with OpenVINO: requests abreast on the processor, batches on other devices; the same mattes as one."""

from __future__ import annotations

from rimlight.backends.openvino_import import ov
from rimlight.backends.openvino_network import OpenVinoNetwork, Precision
from rimlight.backends.streams_host import HostStreams, rows
from rimlight.errors import BackendError
from rimlight.signature import CallShape
from rimlight.types import FloatArray, Size


class OpenVinoStreams(HostStreams):
    """Every group has requests bound to its arrays: one for each stream, or on other devices one for all."""

    name = "openvino"

    def __init__(
        self, size: Size, slots: int, together: int = 4, device: str = "cpu", threads: int | None = None,
        precision: Precision = "auto",
    ) -> None:  # fmt: skip
        super().__init__(size, slots, together)
        self._network = OpenVinoNetwork(size, device, threads, precision)
        self._make_arrays(threads)
        self._hidden = {count: self._network.hidden(count) for count in self.groups}
        self._requests = {count: self._open(count) for count in self.groups}

    @property
    def device(self) -> str:
        return self._network.device

    @property
    def precision(self) -> str:
        """What really runs: bf16 or f32."""
        return self._network.precision

    @property
    def on_cpu(self) -> bool:
        return self._network.on_cpu

    def close(self) -> None:
        self._requests.clear()

    def _open(self, count: int) -> list[ov.InferRequest]:
        each = 1 if self.on_cpu else count
        compiled = self._network.compiled(CallShape(self.size, streams=each), abreast=count // each)
        requests = []
        for first in range(0, count, each):
            part = rows(self._arrays[count], first, first + each)
            hidden = self._hidden[count][first : first + each]
            requests.append(self._network.bound(compiled, part, hidden, part["next_keys"], part["next_values"]))
        return requests

    def _infer(self, count: int, scale: FloatArray, offset: FloatArray) -> None:
        requests = self._requests[count]
        for request in requests:
            request.start_async()
        failures = [_failure(request) for request in requests]  # of all: they write to the arrays until they are done
        for error in filter(None, failures):
            raise BackendError(f"OpenVINO failed on a {self.size} step of {count} streams: {error}") from error
        images, hidden = self._arrays[count]["images"], self._hidden[count]
        for b in range(count):
            self._network.finish(images[b, 0], hidden[b], scale[b], offset[b])


def _failure(request: ov.InferRequest) -> RuntimeError | None:
    """Wait for a request; what it failed with."""
    try:
        request.wait()
    except RuntimeError as error:
        return error
    return None
