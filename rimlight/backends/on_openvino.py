"""OpenVINO: the fastest backend on processors; bfloat16 where the processor has it and the mattes stay the same.

Every tensor is bound once when the session opens: memory flips between two pairs of arrays, so a step copies the
picture in and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rimlight.backends.base import Backend, Memory
from rimlight.backends.openvino_import import ov
from rimlight.backends.openvino_network import OpenVinoNetwork, Precision
from rimlight.errors import BackendError
from rimlight.signature import CallShape
from rimlight.types import FloatArray, Size


@dataclass(frozen=True, slots=True)
class _Call:
    """The compiled network at a fixed number of frames, with one request per place in the ring."""

    images: FloatArray  # (1, T, 3, h, w)
    own: FloatArray  # (1, T)
    hidden: np.ndarray  # (T, ...), see OpenVinoNetwork.hidden
    scale: list[FloatArray]  # RING times (T, 4, h, w)
    offset: list[FloatArray]
    requests: list[ov.InferRequest]


class OpenVinoBackend(Backend):
    """State: the place in the ring whose memory comes next; its parity is the pair of arrays that holds it."""

    name = "openvino"

    def __init__(
        self, size: Size, batch: int = 1, device: str = "cpu", threads: int | None = None,
        precision: Precision = "auto",
    ) -> None:  # fmt: skip
        super().__init__(size, batch)
        self._network = OpenVinoNetwork(size, device, threads, precision)
        self._keys = [np.zeros(self.shape.tensor("keys"), np.float32) for _ in range(2)]
        self._values = [np.zeros(self.shape.tensor("values"), np.float32) for _ in range(2)]
        self._calls = {frames: self._open(frames) for frames in {1, batch}}

    @property
    def device(self) -> str:
        return self._network.device

    @property
    def precision(self) -> str:
        """What really runs: bf16 or f32."""
        return self._network.precision

    def empty_memory(self) -> Memory:
        return Memory(0)

    def _call(
        self, images: FloatArray, state: Any, own: Sequence[float]
    ) -> tuple[FloatArray, FloatArray, Any]:  # fmt: skip
        call = self._calls[len(images)]
        call.images[0] = images
        call.own[0] = own
        try:
            call.requests[state].infer()
        except RuntimeError as error:
            raise BackendError(f"OpenVINO failed on a {self.size} step: {error}") from error
        scale, offset = call.scale[state], call.offset[state]
        for t in range(len(images)):
            self._network.finish(call.images[0, t], call.hidden[t], scale[t], offset[t])
        return scale, offset, (state + 1) % self.RING

    def _open(self, frames: int) -> _Call:
        shape = CallShape(self.size, frames=frames)
        compiled = self._network.compiled(shape)
        coefficients = shape.tensor("scale")[1:]
        call = _Call(
            np.zeros(shape.tensor("images"), np.float32), np.zeros(shape.tensor("own"), np.float32),
            self._network.hidden(frames),
            [np.zeros(coefficients, np.float32) for _ in range(self.RING)],
            [np.zeros(coefficients, np.float32) for _ in range(self.RING)], [],
        )  # fmt: skip
        call.requests.extend(self._bind(compiled, call, place) for place in range(self.RING))
        return call

    def _bind(self, compiled: ov.CompiledModel, call: _Call, place: int) -> ov.InferRequest:
        """A request whose memory comes in from one pair of arrays and goes out to the other."""
        here, there = place % 2, (place + 1) % 2
        inputs = {"images": call.images, "keys": self._keys[here], "values": self._values[here], "own": call.own}
        return self._network.bound(compiled, inputs, call.hidden, self._keys[there], self._values[there])
