"""ONNX Runtime: the backend of the base install.

Every buffer is bound once, when the session opens: memory flips between two pairs of arrays, coefficients go round a
ring, so a step copies the picture in and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort

from rimlight import assets
from rimlight.backends.base import Backend, Memory
from rimlight.errors import BackendError
from rimlight.signature import CallShape
from rimlight.types import FloatArray, Size

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def provider_of(device: str) -> str:
    """The execution provider of a device; raises BackendError where ONNX Runtime has none for it."""
    wanted = PROVIDERS.get(device)
    if wanted is None or wanted not in ort.get_available_providers():
        raise BackendError(f"ONNX Runtime {ort.__version__} has no device {device!r} here; use --device cpu")
    return wanted


def described(provider: str) -> str:
    """Runtime, processor and precision as one phrase."""
    return f"ONNX Runtime {ort.__version__} on {provider.removesuffix('ExecutionProvider')}, float32"


def open_session(
    shape: CallShape, provider: str, threads: int | None = None, spinning: bool = True
) -> ort.InferenceSession:  # fmt: skip
    """The network for calls of that shape; spinning: whether its threads wait for work at full speed."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if threads:
        options.intra_op_num_threads = threads
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in shape.dimensions().items():
        options.add_free_dimension_override_by_name(name, value)
    return ort.InferenceSession(assets.asset(f"{assets.DEFAULT}.onnx").path, options, providers=[provider])


def bound(
    session: ort.InferenceSession, inputs: Mapping[str, FloatArray], outputs: Mapping[str, FloatArray]
) -> ort.IOBinding:  # fmt: skip
    """A binding that reads and writes these arrays in place; they must be contiguous and outlive it."""
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
    for name, array in outputs.items():
        binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
    return binding


@dataclass(frozen=True, slots=True)
class _Call:
    """A session at a fixed number of frames with one binding per place in the ring."""

    session: ort.InferenceSession
    images: FloatArray  # (1, T, 3, h, w)
    own: FloatArray  # (1, T)
    scale: list[FloatArray]  # RING times (1, T, 4, h, w)
    offset: list[FloatArray]
    bindings: list[ort.IOBinding]


class OnnxBackend(Backend):
    """State: the place in the ring whose memory comes next; its parity is the pair of arrays that holds it."""

    name = "onnx"

    def __init__(self, size: Size, batch: int = 1, device: str = "cpu", threads: int | None = None) -> None:
        super().__init__(size, batch)
        self._provider, self._threads = provider_of(device), threads
        self._keys = [np.zeros(self.shape.tensor("keys"), np.float32) for _ in range(2)]
        self._values = [np.zeros(self.shape.tensor("values"), np.float32) for _ in range(2)]
        self._calls = {frames: self._open(frames) for frames in {1, batch}}

    @property
    def device(self) -> str:
        return described(self._provider)

    def empty_memory(self) -> Memory:
        return Memory(0)

    def _call(
        self, images: FloatArray, state: Any, own: Sequence[float]
    ) -> tuple[FloatArray, FloatArray, Any]:  # fmt: skip
        call = self._calls[len(images)]
        call.images[0] = images
        call.own[0] = own
        try:
            call.session.run_with_iobinding(call.bindings[state])
        except Exception as error:  # the runtime has no common base class of its errors
            raise BackendError(f"ONNX Runtime failed on a {self.size} step: {error}") from error
        return call.scale[state][0], call.offset[state][0], (state + 1) % self.RING

    def _open(self, frames: int) -> _Call:
        shape = CallShape(self.size, frames=frames)
        session = open_session(shape, self._provider, self._threads)
        call = _Call(
            session,
            np.zeros(shape.tensor("images"), np.float32),
            np.zeros(shape.tensor("own"), np.float32),
            [np.zeros(shape.tensor("scale"), np.float32) for _ in range(self.RING)],
            [np.zeros(shape.tensor("offset"), np.float32) for _ in range(self.RING)],
            [],
        )
        call.bindings.extend(self._bind(call, place) for place in range(self.RING))
        return call

    def _bind(self, call: _Call, place: int) -> ort.IOBinding:
        here, there = place % 2, (place + 1) % 2
        inputs = {"images": call.images, "keys": self._keys[here], "values": self._values[here], "own": call.own}
        outputs = {
            "scale": call.scale[place], "offset": call.offset[place],
            "next_keys": self._keys[there], "next_values": self._values[there],
        }  # fmt: skip
        return bound(call.session, inputs, outputs)
