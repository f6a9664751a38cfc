"""An ONNX graph in float16, strongly typed: every tensor has the type that its node computes in.

Float32 stay: inputs and outputs at the border, the normalised picture and the encoder (a fifth of the work, where
nearly all of the error of float16 arises), the guided filter (a variance has no digits left in float16), the softmax
of the attention, and means over a whole picture, whose sums float16 cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rimlight.errors import MissingExtraError, WeightsError

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise MissingExtraError("writing ONNX graphs", "onnx", "graph") from error

SINGLE_PARTS = ("/backbone/", "/refiner/")  # in the names of the nodes of the encoder and the guided filter
SINGLE_KINDS = ("Softmax", "ReduceMean", "GlobalAveragePool", "Sub", "Div")  # the last two normalise the picture
ALWAYS_SINGLE = {"Resize": (1, 2)}  # inputs that ONNX wants in float32: region and scales


def half_graph(model: Any) -> Any:
    """The model with its computation in float16; raises WeightsError for a weight that float16 cannot hold."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    maker = _Maker(graph)
    nodes = [node for node in graph.node if not maker.took_constant(node)]
    for node in nodes:
        maker.add(node)
    maker.finish()
    made = helper.make_graph(maker.nodes, graph.name, graph.input, graph.output, list(maker.weights.values()))
    return helper.make_model(made, opset_imports=model.opset_import, ir_version=model.ir_version)


class _Maker:
    """Nodes go in one by one, in order; casts are put between where types meet.

    types: of every floating tensor as its node makes it. constants: float32 arrays by name.
    """

    def __init__(self, graph: Any) -> None:
        known = [*graph.value_info, *graph.input, *graph.output]
        self._floats = {one.name for one in known if one.type.tensor_type.elem_type == TensorProto.FLOAT}
        self._outputs = [one.name for one in graph.output]
        self._types = {one.name: TensorProto.FLOAT for one in graph.input}
        self._constants: dict[str, Any] = {}
        self._cast: dict[tuple[str, int], str] = {}
        self.nodes: list[Any] = []
        self.weights: dict[str, Any] = {}
        for tensor in graph.initializer:
            self._keep(tensor.name, tensor)

    def took_constant(self, node: Any) -> bool:
        """Whether node is a constant, which is kept as a weight: each user takes it in its own type."""
        if node.op_type != "Constant":
            return False
        self._keep(node.output[0], node.attribute[0].t)
        return True

    def add(self, source: Any) -> None:
        node = onnx.NodeProto()
        node.CopyFrom(source)
        kind = self._type_of(node)
        single = ALWAYS_SINGLE.get(node.op_type, ())
        for place, name in enumerate(node.input):
            if name in self._constants or name in self._types:
                node.input[place] = self._as(name, TensorProto.FLOAT if place in single else kind)
        for attribute in _typed(node):
            if node.op_type == "Cast":
                attribute.i = kind
            else:
                array = numpy_helper.to_array(attribute.t).astype(helper.tensor_dtype_to_np_dtype(kind))
                attribute.t.CopyFrom(numpy_helper.from_array(array))
        self._types.update({name: kind for name in node.output if name in self._floats})
        for place, name in enumerate(node.output):
            if name in self._outputs and kind != TensorProto.FLOAT:
                node.output[place] = self._cast[name, kind] = f"{name}_f16"
        self.nodes.append(node)

    def finish(self) -> None:
        """Outputs of the graph are float32 again."""
        for name in self._outputs:
            if self._types[name] != TensorProto.FLOAT:
                made = self._cast[name, self._types[name]]
                self.nodes.append(helper.make_node("Cast", [made], [name], name=f"{name}_to_f32", to=TensorProto.FLOAT))

    def _type_of(self, node: Any) -> int:
        kept = node.op_type in ("Reshape", "Shape") and self._types.get(node.input[0]) == TensorProto.FLOAT
        alone = node.op_type in SINGLE_KINDS or any(part in node.name for part in SINGLE_PARTS) or kept
        return int(TensorProto.FLOAT if alone else TensorProto.FLOAT16)

    def _keep(self, name: str, tensor: Any) -> None:
        if tensor.data_type == TensorProto.FLOAT:
            self._constants[name] = numpy_helper.to_array(tensor)
        else:
            kept = onnx.TensorProto()
            kept.CopyFrom(tensor)
            kept.name = name
            self.weights[name] = kept

    def _as(self, name: str, kind: int) -> str:
        """The name of that tensor in that type."""
        if name in self._constants:
            return self._weight(name, kind)
        if self._types[name] == kind:
            return self._cast.get((name, kind), name)
        if (name, kind) not in self._cast:
            made = f"{name}_{'f16' if kind == TensorProto.FLOAT16 else 'f32'}"
            source = self._cast.get((name, self._types[name]), name)
            self.nodes.append(helper.make_node("Cast", [source], [made], name=made, to=kind))
            self._cast[name, kind] = made
        return self._cast[name, kind]

    def _weight(self, name: str, kind: int) -> str:
        made = f"{name}_{'f16' if kind == TensorProto.FLOAT16 else 'f32'}"
        if made not in self.weights:
            array = self._constants[name]
            with np.errstate(over="ignore"):
                typed = array.astype(helper.tensor_dtype_to_np_dtype(kind))
            if not np.isfinite(typed).all():
                raise WeightsError(f"{name} goes to {np.abs(array).max():.3g}, which float16 cannot hold; use f32")
            self.weights[made] = numpy_helper.from_array(typed, made)
        return made


def _typed(node: Any) -> Iterator[Any]:
    """Attributes that say float32: of casts and of filled tensors."""
    for attribute in node.attribute:
        to_float = node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT
        filled = node.op_type == "ConstantOfShape" and attribute.t.data_type == TensorProto.FLOAT
        if to_float or filled:
            yield attribute
