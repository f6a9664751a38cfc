"""The network as builders of engines take it: fixed sizes, typed, and nothing that computes shapes while it runs.

It is made from an ONNX file, not from PyTorch, because engines are built where they will run.
Letters: B streams, T frames, H, W internal size, h = H/16, w = W/16.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rimlight import __version__, assets
from rimlight.errors import FrameError, MissingExtraError, WeightsError
from rimlight.graph.folding import Known, known_of
from rimlight.graph.half import half_graph
from rimlight.graph.metadata import SIGNATURE, Metadata, check_signature, of_model, write_onnx
from rimlight.graph.streams import Streams
from rimlight.signature import DIMENSIONS, INPUTS, OUTPUTS, CallShape, check_internal
from rimlight.types import Size

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise MissingExtraError("writing ONNX graphs", "onnx", "graph") from error

Precision = Literal["f32", "f16", "int8"]
STREAMS = DIMENSIONS[0]
TWO_CALLS = (2, 3)  # streams of two calls: where their shapes differ, the number of streams stands
ONE = Streams()


def engine_graph(
    size: Size, streams: Streams = ONE, precision: Precision = "f32", source: Path | None = None, frames: int = 1
) -> bytes:  # fmt: skip
    """The network for calls of T frames at one internal size, as a serialised ONNX model; the same bytes every time.

    Inputs images (B, T, 3, H, W), keys (B, 2, 16, h, w), values (B, 2, 64, h, w), own (B, T); outputs scale, offset
    (B, T, 4, H, W), next_keys, next_values; float32 at the border whatever the precision. B is a number where streams
    are fixed, else the free dimension "streams" of all of them. No shape is computed inside.
    source: an exported ONNX file, the shipped network without it; int8 needs one that was exported so.
    Raises FrameError for a size off the grid or that the source is not for, WeightsError for a source that cannot be
    used.
    """
    check_internal(size)
    if frames < 1:
        raise FrameError(f"expected at least 1 frame of a call, got {frames}")
    model, found = read_graph(source)
    _check_source(found, source, size, streams, frames, precision)
    fixed = fixed_graph(model, size, frames)
    _set_streams(fixed, streams)
    if precision == "f16" and found.precision != "f16":
        fixed = half_graph(fixed)
    made = replace(
        found, size=str(size), batch=str(frames), streams=str(streams), precision=precision, exporter=__version__,
        opset=str(fixed.opset_import[0].version),
    )  # fmt: skip
    write_onnx(fixed, made)
    data: bytes = fixed.SerializeToString(deterministic=True)
    return data


def read_graph(source: Path | None = None) -> tuple[Any, Metadata]:
    """An exported ONNX file as a model and its metadata; the shipped network without a file.

    Raises WeightsError if it cannot be read, or is another network.
    """
    path = source or assets.asset(f"{assets.DEFAULT}.onnx").path
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf has exceptions of its own
        raise WeightsError(f"cannot read {path.name}: {error}; expected an exported ONNX file") from error
    names = ({port.name for port in model.graph.input}, {port.name for port in model.graph.output})
    if names[0] != set(INPUTS) or not names[1] >= set(OUTPUTS):
        raise WeightsError(f"{path.name} is another network: its inputs are {', '.join(sorted(names[0]))}")
    found = check_signature(of_model(model, path.name), path.name)
    return model, found if source else _shipped(found)


def fixed_graph(model: Any, size: Size, frames: int = 1) -> Any:
    """The model at a fixed size and number of frames; only the number of streams stays free, where it was.

    Raises WeightsError for a model that is not of this form.
    """
    calls = [known_of(model, CallShape(size, count, frames).dimensions()) for count in TWO_CALLS]
    maker = _Maker(*calls)
    nodes = [maker.made(node) for node in model.graph.node if node.output[0] not in calls[0].values]
    kept = _needed(nodes, OUTPUTS)
    asked = [node.op_type for node in kept if node.op_type in ("Shape", "ConstantOfShape")]
    if asked:
        raise WeightsError(f"the graph computes shapes that cannot be fixed ({', '.join(asked)}); export it again")
    ports = {port.name: port for port in (*model.graph.input, *model.graph.output)}
    inputs, outputs = ([_port(ports[name], size, frames) for name in names] for names in (INPUTS, OUTPUTS))
    used = {name for node in kept for name in node.input}
    weights = [tensor for tensor in model.graph.initializer if tensor.name in used]
    weights += [maker.constant(name) for name in sorted(used & (maker.names - {tensor.name for tensor in weights}))]
    graph = helper.make_graph(kept, "rimlight", inputs, outputs, weights)
    return helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version, producer_name="rimlight"
    )


class _Maker:
    """Rewrites nodes so that they need no shape; one and other: what is known of calls with two numbers of streams."""

    def __init__(self, one: Known, other: Known) -> None:
        self._one, self._other = one, other
        self._made: dict[str, np.ndarray] = {}
        self._zeros: dict[str, np.ndarray] = {}

    @property
    def names(self) -> set[str]:
        return {*self._made, *self._one.values}

    def made(self, source: Any) -> Any:
        node = onnx.NodeProto()
        node.CopyFrom(source)
        if node.op_type == "Reshape":
            shapes = [known.shapes[node.output[0]] for known in (self._one, self._other)]
            node.input[1] = self._keep(f"{node.output[0]}_shape", _merged(shapes, -1))
        elif node.op_type == "Expand":
            shapes = [tuple(known.values[node.input[1]]) for known in (self._one, self._other)]
            node.input[1] = self._keep(f"{node.output[0]}_shape", _merged(shapes, 1))  # which keeps what is there
        elif node.op_type == "ConstantOfShape":
            self._zeros[node.output[0]] = np.array(self._one.shapes[node.output[0]], np.int64)
        elif node.op_type == "Concat" and len(node.input) == 2 and node.input[1] in self._zeros:
            return self._padded(node)
        return node

    def constant(self, name: str) -> Any:
        """A tensor for what is known; raises WeightsError if it changes with the number of streams."""
        if name in self._made:
            return numpy_helper.from_array(self._made[name], name)
        value, other = self._one.values[name], self._other.values.get(name)
        if other is None or not np.array_equal(value, other):
            raise WeightsError(f"{name} of the graph changes with the number of streams; export it again")
        return numpy_helper.from_array(value, name)

    def _padded(self, node: Any) -> Any:
        """Channels of zeros behind others, without zeros for every stream."""
        (axis,) = [attribute.i for attribute in node.attribute if attribute.name == "axis"]
        shape = self._zeros[node.input[1]]
        pads = np.zeros(2 * len(shape), np.int64)
        pads[len(shape) + axis] = shape[axis]
        name = self._keep(f"{node.output[0]}_pads", pads)
        return helper.make_node("Pad", [node.input[0], name], list(node.output), name=node.name, mode="constant")

    def _keep(self, name: str, value: np.ndarray) -> str:
        self._made[name] = value
        return name


def _merged(shapes: Sequence[tuple[int, ...]], free: int) -> np.ndarray:
    """The shape that both are, with `free` where they differ."""
    return np.array([side if side == other else free for side, other in zip(*shapes, strict=True)], np.int64)


def _needed(nodes: Iterable[Any], outputs: Iterable[str]) -> list[Any]:
    """The nodes that these outputs come from, in their order."""
    wanted, kept = set(outputs), []
    for node in reversed(list(nodes)):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


def _port(port: Any, size: Size, frames: int) -> Any:
    """An input or output with all but its streams fixed."""
    values = CallShape(size, frames=frames).dimensions()
    sides = port.type.tensor_type.shape.dim
    shape = [side.dim_value or (STREAMS if side.dim_param == STREAMS else values[side.dim_param]) for side in sides]
    return helper.make_tensor_value_info(port.name, TensorProto.FLOAT, shape)


def _set_streams(model: Any, streams: Streams) -> None:
    if not streams.is_fixed:
        return
    for port in (*model.graph.input, *model.graph.output):
        if port.type.tensor_type.shape.dim[0].dim_param == STREAMS:
            port.type.tensor_type.shape.dim[0].dim_value = streams.most


def _check_source(
    found: Metadata, path: Path | None, size: Size, streams: Streams, frames: int, precision: Precision
) -> None:  # fmt: skip
    name = path.name if path else assets.DEFAULT
    if found.fixed_size not in (None, size):
        raise FrameError(f"{name} is fixed at {found.size}, got {size}; use --size {found.size}")
    if found.fixed_batch not in (None, frames):
        raise FrameError(f"{name} takes {found.batch} frames per call, got {frames}; export it with free sizes")
    if found.fixed_batch is not None and streams != ONE:
        raise FrameError(f"{name} takes one stream, got {streams}; export it with free sizes")
    kept = found.precision or "f32"
    if kept != precision and (kept, precision) != ("f32", "f16"):
        raise WeightsError(f"{name} is in {kept}, which cannot become {precision}; export ONNX in {precision} first")


def _shipped(found: Metadata) -> Metadata:
    """What is known of the graph that ships besides what it says itself."""
    weights = assets.asset(f"{assets.DEFAULT}.safetensors")
    return replace(found, weights=assets.DEFAULT, weights_sha256=weights.sha256, signature=str(SIGNATURE))
