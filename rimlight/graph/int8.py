"""An ONNX graph whose decoder computes in 8 bits: pairs of quantise and dequantise nodes say where and how finely.

Symmetric throughout, weights per output channel, activations per tensor, as engines ask for it. The decoder is three
quarters of the work and bears it, which was found by quantising one part at a time. The encoder does not: errors of
its first stages reach every skip connection, and its squeezed blocks round badly. Float stay also the projection and
the guided filter, where small differences are the result, the softmax of the memory and means over a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rimlight.errors import MissingExtraError, WeightsError
from rimlight.graph.calibration import largest_values
from rimlight.types import FloatArray

try:
    import onnx
    from onnx import helper, numpy_helper, version_converter
except ImportError as error:
    raise MissingExtraError("writing ONNX graphs", "onnx", "graph") from error

OPSET = 19  # the first whose quantise and dequantise nodes take float16
LEVELS = 127
DECODER = "/decoder/"  # in the names of its nodes
ZERO = "int8_zero"


def int8_graph(model: Any, images: FloatArray, cuts: Sequence[bool]) -> Any:
    """The model with a decoder in 8 bits, by the ranges of what it computes on a clip, at opset 19; the rest as it was.

    images (T, 3, h, w) 0..1; cuts: whether each frame does not continue the one before. Raises WeightsError for a model
    without convolutions of this network's names.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "Conv" and DECODER in node.name]
    chosen = [node for node in nodes if node.input[1] in weights]
    if not chosen:
        raise WeightsError("the graph has no convolutions of this network by name; export it again")
    ranges = largest_values(model, sorted({node.input[0] for node in chosen}), images, cuts)
    maker = _Maker({name: numpy_helper.to_array(weights[name]) for name in {node.input[1] for node in chosen}}, ranges)
    names = {node.name for node in chosen}
    nodes = [made for node in model.graph.node for made in (maker.quantised(node) if node.name in names else [node])]
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    graph = helper.make_graph(nodes, model.graph.name, model.graph.input, model.graph.output, [*kept, *maker.tensors])
    made = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return version_converter.convert_version(made, OPSET)


class _Maker:
    """Nodes with their inputs quantised before them; tensors: what the new nodes need. Shared inputs are made once."""

    def __init__(self, weights: Mapping[str, np.ndarray], ranges: Mapping[str, float]) -> None:
        self._weights, self._ranges = weights, ranges
        self._done: set[str] = set()
        self.tensors = [numpy_helper.from_array(np.int8(0), ZERO)]

    def quantised(self, source: Any) -> Iterator[Any]:
        node = onnx.NodeProto()
        node.CopyFrom(source)
        node.input[0], node.input[1] = (f"{name}_int8_float" for name in source.input[:2])
        if source.input[0] not in self._done:
            yield from self._activation(source.input[0])
        if source.input[1] not in self._done:
            yield self._weight(source.input[1])
        self._done.update(source.input[:2])
        yield node

    def _activation(self, name: str) -> Iterator[Any]:
        """x to 8 bits and back, which an engine takes into the convolution."""
        scale = self._keep(f"{name}_int8_scale", np.float32(self._ranges[name] / LEVELS))
        for kind, source, made in (("QuantizeLinear", name, f"{name}_int8"),
                                   ("DequantizeLinear", f"{name}_int8", f"{name}_int8_float")):  # fmt: skip
            yield helper.make_node(kind, [source, scale, ZERO], [made], name=made)

    def _weight(self, name: str) -> Any:
        """Weights (outputs, inputs, ...) kept in 8 bits."""
        array = self._weights[name]
        scales = np.abs(array).reshape(len(array), -1).max(1) / LEVELS
        scales = np.where(scales > 0, scales, 1).astype(np.float32)  # a channel of zeros stays one
        levels = np.rint(array / scales.reshape(-1, *[1] * (array.ndim - 1)))
        made = f"{name}_int8_float"
        inputs = [
            self._keep(f"{name}_int8", levels.astype(np.int8)),
            self._keep(f"{name}_int8_scale", scales),
            self._keep(f"{name}_int8_zero", np.zeros(len(array), np.int8)),
        ]
        return helper.make_node("DequantizeLinear", inputs, [made], name=made, axis=0)

    def _keep(self, name: str, array: np.ndarray | np.generic) -> str:
        self.tensors.append(numpy_helper.from_array(np.asarray(array), name))
        return name
