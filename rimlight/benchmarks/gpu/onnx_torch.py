"""A peer's ONNX graph run by PyTorch: the way to half precision and CUDA graphs for a file that is float32.

Only what the measured peers' graphs hold; an operation without a rule is an error that names it. Shapes and other
integers are numpy arrays on the host; pictures and weights are tensors in the precision asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor

from rimlight.errors import BackendError

Value: TypeAlias = Any  # a tensor, or a numpy array on the host
Rule: TypeAlias = Callable[..., Value]

WITH_WEIGHTS = ("Add", "Conv", "Div", "Mul", "Sub")  # what they are given is data; to others it says how


class OnnxNetwork:
    """inputs and outputs: names, in the graph's order. Called with values by name, gives outputs by name.

    Raises BackendError when it is made from a graph with an operation that has no rule.
    """

    def __init__(self, path: Path, device: torch.device, dtype: torch.dtype) -> None:
        graph = onnx.load(path).graph
        unknown = sorted({node.op_type for node in graph.node} - RULES.keys() - {"Constant"})
        if unknown:
            raise BackendError(f"no rule to run {', '.join(unknown)} of {path.name} by PyTorch")
        self._device, self._dtype = device, dtype
        self.inputs = [one.name for one in graph.input]
        self.outputs = [one.name for one in graph.output]
        computing = {name for node in graph.node if node.op_type in WITH_WEIGHTS for name in node.input}
        arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._steps: list[tuple[Rule, dict[str, Any], Sequence[str], Sequence[str]]] = []
        for node in graph.node:
            attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
            if node.op_type == "Constant":
                arrays[node.output[0]] = numpy_helper.to_array(attributes["value"])
            else:
                self._steps.append((RULES[node.op_type], attributes, list(node.input), list(node.output)))
        self._constants = {
            name: self._placed(array) if name in computing and array.dtype == np.float32 and array.ndim else array
            for name, array in arrays.items()
        }

    def __call__(self, given: Mapping[str, Value]) -> dict[str, Tensor]:
        """Outputs by name; pictures and states are tensors on the device, all else numpy."""
        values: dict[str, Value] = {**self._constants, **given}
        for rule, attributes, inputs, outputs in self._steps:
            found = rule(*(values[name] if name else None for name in inputs), **attributes)
            values.update(zip(outputs, found if len(outputs) > 1 else (found,), strict=True))
        return {name: values[name] for name in self.outputs}

    def _placed(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array.copy()).to(self._device, self._dtype)
        return tensor.contiguous(memory_format=torch.channels_last) if array.ndim == 4 else tensor


def _operand(value: Value) -> Any:
    """A number for a tensor to be combined with."""
    return value if isinstance(value, Tensor) else float(value) if value.size == 1 else value


def _conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, *, strides: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0), dilations: Sequence[int] = (1, 1), group: int = 1, **_: object,
) -> Tensor:  # fmt: skip
    top, left, bottom, right = pads
    if (top, left) != (bottom, right):
        x, top, left = F.pad(x, (left, right, top, bottom)), 0, 0
    return F.conv2d(x, weight, bias, tuple(strides), (top, left), tuple(dilations), group)


def _resize(x: Tensor, _roi: Value, scales: Value = None, sizes: Value = None, **how: Any) -> Tensor:
    if how.get("mode") != b"linear" or how.get("coordinate_transformation_mode") != b"pytorch_half_pixel":
        raise BackendError(f"no rule for a resize of {how}")
    if sizes is not None and sizes.size:
        return F.interpolate(x, size=tuple(int(side) for side in sizes[2:]), mode="bilinear", align_corners=False)
    factors = [float(scale) for scale in scales[2:]]
    return F.interpolate(
        x, scale_factor=factors, mode="bilinear", align_corners=False, recompute_scale_factor=False
    )  # fmt: skip


def _slice(x: Value, starts: Value, ends: Value, axes: Value, steps: Value = None) -> Value:
    where = [slice(None)] * (x.dim() if isinstance(x, Tensor) else x.ndim)
    for axis, start, end, step in zip(axes, starts, ends, steps if steps is not None else [1] * len(axes), strict=True):
        where[int(axis)] = slice(int(start), int(min(end, 2**31)), int(step))
    return x[tuple(where)]


def _concat(*parts: Value, axis: int) -> Value:
    if isinstance(parts[0], Tensor):
        return torch.cat(parts, axis)
    return np.concatenate(parts, axis)


def _pooled(
    x: Tensor, *, kernel_shape: Sequence[int], strides: Sequence[int], ceil_mode: int = 0, **_: object
) -> Tensor:  # fmt: skip
    return F.avg_pool2d(x, tuple(kernel_shape), tuple(strides), ceil_mode=bool(ceil_mode), count_include_pad=False)


def _clip(x: Tensor, least: Value = None, most: Value = None) -> Tensor:
    return torch.clamp(x, None if least is None else float(least), None if most is None else float(most))


def _hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return torch.clamp(x * alpha + beta, 0, 1) if abs(alpha - 1 / 6) > 1e-6 or beta != 0.5 else F.hardsigmoid(x)


RULES: dict[str, Rule] = {
    "Add": lambda a, b: _operand(a) + _operand(b),
    "Sub": lambda a, b: _operand(a) - _operand(b),
    "Mul": lambda a, b: _operand(a) * _operand(b),
    "Div": lambda a, b: _operand(a) / _operand(b),
    "AveragePool": _pooled,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "Expand": lambda x, shape: x.expand([max(int(side), there) for side, there in zip(shape, x.shape, strict=True)]),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": _hard_sigmoid,
    "ReduceMean": lambda x, axes, keepdims=1: x.mean(tuple(axes), keepdim=bool(keepdims)),
    "Relu": F.relu,
    "Resize": _resize,
    "Shape": lambda x: np.array(x.shape, np.int64),
    "Sigmoid": torch.sigmoid,
    "Slice": _slice,
    "Split": lambda x, axis=0, split=(): cast("Value", torch.split(x, list(split), axis)),
    "Tanh": torch.tanh,
}
