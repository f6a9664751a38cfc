"""What a graph knows before it runs, once its dimensions are numbers: shapes, and all arithmetic on shapes."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from rimlight.errors import MissingExtraError, WeightsError

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as error:
    raise MissingExtraError("writing ONNX graphs", "onnx", "graph") from error

LARGEST = 64  # numbers in what is folded; longer arrays are pictures, not shapes


class Known(NamedTuple):
    """values: of tensors that do not depend on the inputs' contents. shapes: of every tensor. Both by name."""

    values: dict[str, np.ndarray]
    shapes: dict[str, tuple[int, ...]]


def known_of(model: Any, dimensions: Mapping[str, int]) -> Known:
    """What follows from these values of the graph's named dimensions; raises WeightsError if they contradict it."""
    model = _with_dimensions(model, dimensions)
    values = _whole_numbers(model.graph.initializer)
    while True:
        shapes = _static_shapes(model)
        found = _fold(model, values, shapes)
        if not found:
            return Known(values, shapes)
        values |= found
        _put_in(model, found)


def _with_dimensions(model: Any, dimensions: Mapping[str, int]) -> Any:
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for port in (*fixed.graph.input, *fixed.graph.output):
        for side in port.type.tensor_type.shape.dim:
            if side.dim_param in dimensions:
                side.dim_value = dimensions[side.dim_param]
    return fixed


def _whole_numbers(tensors: Iterable[Any]) -> dict[str, np.ndarray]:
    """Those that shapes are made of; weights stay weights."""
    kept = [tensor for tensor in tensors if tensor.data_type == TensorProto.INT64]
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in kept}


def _static_shapes(model: Any) -> dict[str, tuple[int, ...]]:
    try:
        graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    except onnx.shape_inference.InferenceError as error:
        said = next(iter(str(error).splitlines()))
        raise WeightsError(f"the graph does not fit these dimensions: {said}; export it again") from error
    shapes = {}
    for port in (*graph.value_info, *graph.input, *graph.output):
        kind = port.type.tensor_type
        if kind.HasField("shape") and all(side.HasField("dim_value") for side in kind.shape.dim):
            shapes[port.name] = tuple(side.dim_value for side in kind.shape.dim)
    return shapes


def _fold(model: Any, values: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Values of nodes that follow from what is known, in the order of the graph."""
    found: dict[str, np.ndarray] = {}
    known = ChainMap(found, dict(values))
    opsets = model.opset_import
    for node in model.graph.node:
        inputs = {name: known[name] for name in node.input if name in known}
        if node.op_type == "Constant":
            value = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Shape" and node.input[0] in shapes:
            value = _evaluated(node, {node.input[0]: np.empty(shapes[node.input[0]], np.bool_)}, opsets)
        elif node.input and len(inputs) == len(set(node.input)):
            value = _evaluated(node, inputs, opsets)
        else:
            continue
        if value.size <= LARGEST:
            found[node.output[0]] = value
    return found


def _evaluated(node: Any, inputs: Mapping[str, np.ndarray], opsets: Any) -> np.ndarray:
    ports = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in inputs.items()
    ]
    graph = helper.make_graph([node], "one node", ports, [helper.make_empty_tensor_value_info(node.output[0])])
    (value,) = ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets)).run(None, dict(inputs))
    return np.asarray(value)


def _put_in(model: Any, found: Mapping[str, np.ndarray]) -> None:
    """Constants in place of the nodes that make them."""
    kept = [node for node in model.graph.node if node.output[0] not in found]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in found.items())
