"""The network as OpenVINO runs it: cut at its last hidden features, with the rest in float32 by rimlight.kernels.tail.

What the backend of one stream and that of many share: the device, the precision, compiling, tensors, the tail.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from openvino.preprocess import PrePostProcessor

from rimlight import assets
from rimlight.backends.openvino_import import ov
from rimlight.errors import BackendError
from rimlight.kernels import tail
from rimlight.kernels.parallel import over_rows, threads
from rimlight.signature import HIDDEN, INPUTS, CallShape
from rimlight.types import Coefficients, FloatArray, Size, UInt8Array

Precision = Literal["auto", "bf16", "f32"]
STATE_OUTPUTS = ("next_keys", "next_values")
MOST_MEAN_ERROR = 0.004  # of alpha against float32 on the shipped portrait: one step of 8 bits
SOMEBODY = 0.05  # mean alpha of the portrait from which on somebody is seen in it; about 0.4 is right


@lru_cache(maxsize=1)
def core() -> ov.Core:
    """One runtime for the whole process, kept until its end.

    Every Core sets a stack for signal handlers and puts back what it found when it goes. Two that do not go in
    reverse order leave a stack that is freed, and the next Ctrl-C is a segmentation fault (seen with OpenVINO
    2026.4).
    """
    return ov.Core()


class OpenVinoNetwork:
    """One device, internal size and precision; compiles the network for as many pictures as a call takes.

    on_cpu: whether the device is the processor. precision: what really runs, bf16 or f32.
    """

    def __init__(self, size: Size, device: str, threads_wanted: int | None, precision: Precision) -> None:
        self.size = size
        self._core = core()
        self._target, self._threads = device.upper(), threads_wanted
        if self._target.split(".")[0] not in {name.split(".")[0] for name in self._core.available_devices}:
            there = ", ".join(self._core.available_devices).lower()
            raise BackendError(f"OpenVINO {ov.__version__[:8]} has no device {device!r} here; there are: {there}")
        with np.load(assets.asset(f"{assets.DEFAULT}-tail.npz").path) as arrays:
            self._weights = tail.TailWeights(**arrays)
        self._model = assets.asset(f"{assets.DEFAULT}.onnx").path
        self._rings, self._rows, self._runs = tail.scratch_for(threads(), size.width)
        self.precision: Literal["bf16", "f32"] = self._choose(precision)

    @property
    def device(self) -> str:
        name = self._core.get_property(self._target, "FULL_DEVICE_NAME")
        return f"OpenVINO {ov.__version__.split('-')[0]} on {name}, {self.precision}"

    @property
    def on_cpu(self) -> bool:
        return self._target == "CPU"

    def compiled(self, shape: CallShape, abreast: int = 1) -> ov.CompiledModel:
        """The network for calls of that shape; with abreast above 1, that many calls at once share the processors."""
        return self._compiled(shape, self.precision, abreast)

    def hidden(self, pictures: int) -> np.ndarray:
        """An array for the hidden features: (N, h, w, 16) uint16 bits of bfloat16, or (N, 16, h, w) float32."""
        return self._hidden(pictures, self.precision)

    def bound(
        self, compiled: ov.CompiledModel, inputs: Mapping[str, FloatArray], hidden: np.ndarray,
        next_keys: FloatArray, next_values: FloatArray,
    ) -> ov.InferRequest:  # fmt: skip
        """A request that reads and writes these arrays in place; they must be contiguous and outlive it."""
        request = compiled.create_infer_request()
        for name in INPUTS:
            request.set_tensor(name, ov.Tensor(inputs[name], shared_memory=True))
        kind = ov.Type.bf16 if hidden.dtype == np.uint16 else ov.Type.f32
        outputs = (
            ov.Tensor(hidden, ov.Shape(hidden.shape), kind),
            ov.Tensor(next_keys, shared_memory=True),
            ov.Tensor(next_values, shared_memory=True),
        )
        for index, tensor in enumerate(outputs):
            request.set_output_tensor(index, tensor)
        return request

    def finish(self, image: FloatArray, hidden: np.ndarray, scale: FloatArray, offset: FloatArray) -> None:
        """The last layers of one picture (3, h, w): hidden features to scale and offset (4, h, w)."""
        packed = hidden.dtype == np.uint16
        nothing = np.empty((0, 0, 0), np.float32 if packed else np.uint16)
        bits, floats = (hidden, nothing) if packed else (nothing, hidden)
        over_rows(
            tail.coefficients, self.size.height, self._rings, self._rows, self._rows.view(np.uint32), self._runs,
            image, bits, floats, self._weights, scale, offset,
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
        """Mean difference of alpha between bfloat16 and float32 on three frames of the shipped portrait.

        Infinite where float32 sees nobody in it, as at very small sizes: then nothing can be said, and elsewhere the
        difference is large.
        """
        from rimlight.pixels import Shrinker, read_picture

        path = assets.asset("astronaut.jpg").path
        portrait: UInt8Array = read_picture(path.read_bytes(), path.name)
        small = Shrinker(Size(*portrait.shape[:2]), self.size)(portrait)
        alpha = self._third_alpha(small, "f32")
        if alpha.mean() < SOMEBODY:
            return float("inf")
        return float(np.abs(alpha - self._third_alpha(small, "bf16")).mean())

    def _third_alpha(self, image: FloatArray, precision: str) -> FloatArray:
        """Alpha of a picture (3, h, w) that was seen twice before."""
        from rimlight.compose import low_alpha

        shape = CallShape(self.size)
        names = (*INPUTS, *STATE_OUTPUTS, "scale", "offset")
        arrays = {name: np.zeros(shape.tensor(name), np.float32) for name in names}
        hidden = self._hidden(1, precision)
        compiled = self._compiled(shape, precision, 1)
        request = self.bound(compiled, arrays, hidden, arrays["next_keys"], arrays["next_values"])
        arrays["images"][0, 0] = image
        for own in (1, 1, 0):
            arrays["own"][:] = own
            request.infer()
            arrays["keys"][:], arrays["values"][:] = arrays["next_keys"], arrays["next_values"]
        scale, offset = arrays["scale"][0, 0], arrays["offset"][0, 0]
        self.finish(image, hidden[0], scale, offset)
        return low_alpha(Coefficients(scale, offset), image)

    def _hidden(self, pictures: int, precision: str) -> np.ndarray:
        height, width = self.size.height, self.size.width
        if precision == "bf16":
            return np.zeros((pictures, height, width, 16), np.uint16)
        return np.zeros((pictures, 16, height, width), np.float32)

    def _compiled(self, shape: CallShape, precision: str, abreast: int) -> ov.CompiledModel:
        settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        if abreast > 1:
            settings |= {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": abreast}
        if self._threads and self.on_cpu:
            settings["INFERENCE_NUM_THREADS"] = self._threads
            settings["ENABLE_CPU_PINNING"] = False  # else every process that has a share takes the first processors
        return self._core.compile_model(self._cut(shape, precision), self._target, settings)

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
