"""Arithmetic of the exported ONNX graph, counted from its nodes: the check on what PyTorch's counter says."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import onnxruntime as ort

from rimlight import assets
from rimlight.errors import MissingExtraError
from rimlight.signature import INPUTS, CallShape
from rimlight.types import Size

try:
    import onnx
except ImportError as error:
    raise MissingExtraError("rimlight bench macs", "onnx", "bench") from error

PRODUCTS = ("Conv", "MatMul", "Gemm")


@dataclass(frozen=True, slots=True)
class GraphMacs:
    """MACs of a graph by kind of node."""

    convolutions: int
    matrix_products: int

    @property
    def total(self) -> int:
        return self.convolutions + self.matrix_products


def count_graph(size: Size, path: Path | None = None) -> GraphMacs:
    """MACs of one live step of the exported network (default: the shipped one) at an internal size.

    A convolution takes, for each element it writes, inputs/groups * kernel height * kernel width; a matrix product
    takes the length of its inner dimension. Shapes are asked of ONNX Runtime, which runs the graph once.
    """
    model = onnx.load(str(path or assets.asset(f"{assets.DEFAULT}.onnx").path))
    nodes = [node for node in model.graph.node if node.op_type in PRODUCTS]
    wanted = sorted({name for node in nodes for name in (*node.input[:2], node.output[0])})
    shapes = _shapes(model, wanted, CallShape(size))
    found = {"Conv": 0, "other": 0}
    for node in nodes:
        out, first, second = shapes[node.output[0]], shapes[node.input[0]], shapes[node.input[1]]
        if node.op_type == "Conv":
            found["Conv"] += prod(out) * prod(second[1:])
        else:
            found["other"] += prod(out) * first[-1]
    return GraphMacs(found["Conv"], found["other"])


def _shapes(model: onnx.ModelProto, names: list[str], call: CallShape) -> dict[str, tuple[int, ...]]:
    """Shapes of tensors inside the graph; nodes that tell them are added to it, as its only outputs."""
    del model.graph.output[:]
    for index, name in enumerate(names):
        model.graph.node.append(onnx.helper.make_node("Shape", [name], [f"shape_{index}"]))
        model.graph.output.append(onnx.helper.make_tensor_value_info(f"shape_{index}", onnx.TensorProto.INT64, None))
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {name: np.zeros(call.tensor(name), np.float32) for name in INPUTS}
    found = session.run(None, feeds)
    return {name: tuple(int(side) for side in shape) for name, shape in zip(names, found, strict=True)}
