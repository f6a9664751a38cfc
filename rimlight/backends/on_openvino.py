"""OpenVINO: the fastest backend on processors; bfloat16 where the processor has it and the mattes stay the same.

The network runs to its last hidden features; rimlight.kernels.tail computes the rest in float32. Every tensor is
bound once when the session opens: memory flips between two pairs of arrays, so a step copies the picture in and
nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import openvino as ov
from openvino.preprocess import PrePostProcessor

from rimlight import assets
from rimlight.backends.base import Backend, Memory
from rimlight.errors import BackendError
from rimlight.kernels import tail
from rimlight.kernels.parallel import over_rows, threads
from rimlight.signature import HIDDEN, INPUTS, CallShape
from rimlight.types import FloatArray, Size, UInt8Array

Precision = Literal["auto", "bf16", "f32"]
STATE_OUTPUTS = ("next_keys", "next_values")
MOST_MEAN_ERROR = 0.004  # of alpha against float32 on the shipped portrait: one step of 8 bits


@lru_cache(maxsize=1)
def _core() -> ov.Core:
    """One runtime for the whole process, kept until its end.

    Every Core sets a stack for signal handlers and puts back what it found when it goes. Two that do not go in
    reverse order leave a stack that is freed, and the next Ctrl-C is a segmentation fault (seen with OpenVINO
    2026.4).
    """
    return ov.Core()


@dataclass(frozen=True, slots=True)
class _Call:
    """The compiled network at a fixed number of frames, with one request per place in the ring."""

    images: FloatArray  # (1, T, 3, h, w)
    own: FloatArray  # (1, T)
    hidden: np.ndarray  # (T, h, w, 16) uint16 bits of bfloat16, or (T, 16, h, w) float32
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
        self._core = _core()
        self._target, self._threads = device.upper(), threads
        if self._target.split(".")[0] not in {name.split(".")[0] for name in self._core.available_devices}:
            there = ", ".join(self._core.available_devices).lower()
            raise BackendError(f"OpenVINO {ov.__version__[:8]} has no device {device!r} here; there are: {there}")
        with np.load(assets.asset(f"{assets.DEFAULT}-tail.npz").path) as arrays:
            self._weights = tail.TailWeights(**arrays)
        self._model = assets.asset(f"{assets.DEFAULT}.onnx").path
        self._state_arrays()
        self.precision = self._choose(precision)
        self._calls = {frames: self._open(frames, self.precision) for frames in {1, batch}}

    @property
    def device(self) -> str:
        name = self._core.get_property(self._target, "FULL_DEVICE_NAME")
        return f"OpenVINO {ov.__version__.split('-')[0]} on {name}, {self.precision}"

    def empty_memory(self) -> Memory:
        return Memory(0)

    def _state_arrays(self) -> None:
        self._keys = [np.zeros(self.shape.tensor("keys"), np.float32) for _ in range(2)]
        self._values = [np.zeros(self.shape.tensor("values"), np.float32) for _ in range(2)]
        self._rings, self._rows, self._runs = tail.scratch_for(threads(), self.size.width)

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
        self._finish(call, state)
        return call.scale[state], call.offset[state], (state + 1) % self.RING

    def _finish(self, call: _Call, place: int) -> None:
        """The last layers, frame by frame."""
        packed = call.hidden.dtype == np.uint16
        nothing = np.empty((0, 0, 0), np.float32 if packed else np.uint16)
        for t in range(len(call.hidden)):
            bits, floats = (call.hidden[t], nothing) if packed else (nothing, call.hidden[t])
            over_rows(
                tail.coefficients, self.size.height, self._rings, self._rows, self._rows.view(np.uint32), self._runs,
                call.images[0, t], bits, floats, self._weights, call.scale[place][t], call.offset[place][t],
            )  # fmt: skip

    def _choose(self, precision: Precision) -> Literal["bf16", "f32"]:
        """bfloat16 if it was asked for, or if the device has it and its mattes stay close to those of float32."""
        has_bf16 = "BF16" in self._core.get_property(self._target, "OPTIMIZATION_CAPABILITIES")
        if precision != "auto":
            if precision == "bf16" and not has_bf16:
                raise BackendError(f"bf16 was asked for, but {self._target.lower()} has none; use f32 or auto")
            return precision
        return "bf16" if has_bf16 and self._mean_error() < MOST_MEAN_ERROR else "f32"

    def _mean_error(self) -> float:
        """Mean difference of alpha between bfloat16 and float32 on three frames of the shipped portrait."""
        from rimlight.compose import low_alpha
        from rimlight.pixels import Shrinker, read_picture
        from rimlight.types import Coefficients

        path = assets.asset("astronaut.jpg").path
        portrait: UInt8Array = read_picture(path.read_bytes(), path.name)
        small = Shrinker(Size(*portrait.shape[:2]), self.size)(portrait)
        found: list[FloatArray] = []
        for precision in ("f32", "bf16"):
            self._calls = {1: self._open(1, precision)}
            state: Any = 0
            for frame in range(3):
                scale, offset, state = self._call(small[None], state, [1.0 if frame < 2 else 0.0])
            found.append(low_alpha(Coefficients(scale[0], offset[0]), small))
        return float(np.abs(found[0] - found[1]).mean())

    def _open(self, frames: int, precision: str) -> _Call:
        shape = CallShape(self.size, frames=frames)
        model = self._cut(shape, precision)
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        if self._threads and self._target == "CPU":
            settings["INFERENCE_NUM_THREADS"] = self._threads
            settings["ENABLE_CPU_PINNING"] = False  # else every process that has a share takes the first processors
        compiled = self._core.compile_model(model, self._target, settings)
        height, width, coefficients = self.size.height, self.size.width, shape.tensor("scale")[1:]
        hidden: np.ndarray = (
            np.zeros((frames, height, width, 16), np.uint16) if precision == "bf16"
            else np.zeros((frames, 16, height, width), np.float32)
        )  # fmt: skip
        call = _Call(
            np.zeros(shape.tensor("images"), np.float32), np.zeros(shape.tensor("own"), np.float32), hidden,
            [np.zeros(coefficients, np.float32) for _ in range(self.RING)],
            [np.zeros(coefficients, np.float32) for _ in range(self.RING)], [],
        )  # fmt: skip
        call.requests.extend(self._bind(compiled, call, place) for place in range(self.RING))
        return call

    def _cut(self, shape: CallShape, precision: str) -> ov.Model:
        """The network at fixed sizes that ends at its hidden features, in the layout that the tail reads."""
        whole = self._core.read_model(self._model)
        whole.reshape({name: list(shape.tensor(name)) for name in INPUTS})
        results = [whole.output(name).get_node() for name in (HIDDEN, *STATE_OUTPUTS)]
        model = ov.Model(results, whole.get_parameters())
        if precision == "bf16":
            steps = PrePostProcessor(model)
            steps.output(HIDDEN).model().set_layout(ov.Layout("NCHW"))
            steps.output(HIDDEN).tensor().set_layout(ov.Layout("NHWC")).set_element_type(ov.Type.bf16)
            model = steps.build()
        return model

    def _bind(self, compiled: ov.CompiledModel, call: _Call, place: int) -> ov.InferRequest:
        """A request whose memory comes in from one pair of arrays and goes out to the other."""
        here, there = place % 2, (place + 1) % 2
        request = compiled.create_infer_request()
        inputs = {"images": call.images, "keys": self._keys[here], "values": self._values[here], "own": call.own}
        for name, array in inputs.items():
            request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        kind = ov.Type.bf16 if call.hidden.dtype == np.uint16 else ov.Type.f32
        outputs = (
            ov.Tensor(call.hidden, ov.Shape(call.hidden.shape), kind),
            ov.Tensor(self._keys[there], shared_memory=True),
            ov.Tensor(self._values[there], shared_memory=True),
        )
        for index, tensor in enumerate(outputs):
            request.set_output_tensor(index, tensor)
        return request
