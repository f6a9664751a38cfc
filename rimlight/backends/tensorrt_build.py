"""A graph to an engine: what TensorRT's builder is told, and what is said when it will not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rimlight.backends.tensorrt_compat import Library
from rimlight.backends.tensorrt_progress import Line, shown
from rimlight.errors import BackendError, MissingExtraError
from rimlight.files import read_if_there, write_if_possible
from rimlight.graph.streams import Streams

log = logging.getLogger(__name__)

OLDEST_OPSET = 9
OUT_OF_MEMORY = ("out of memory", "outofmemory", "insufficient memory", "memory allocation")
MOST_ERRORS = 3  # that a message repeats


@dataclass(frozen=True, slots=True)
class BuildOrder:
    """What an engine is built for.

    streams: of a call, where the graph leaves its first axis free. targets: compute capabilities such as "8.9", for
    GPUs that are not here (TensorRT-RTX); the GPU that is here without any. workspace_bytes: most scratch memory that
    a layer may take. level: how long the builder searches, 0 to 5; the library's own without it.
    """

    streams: Streams = field(default_factory=Streams)
    targets: tuple[str, ...] = ()
    workspace_bytes: int = 1 << 30
    level: int | None = None


def build(
    library: Library, graph: bytes, order: BuildOrder | None = None, timing_cache: Path | None = None,
    say: Callable[[str], None] | None = None,
) -> bytes:  # fmt: skip
    """The plan of an engine for a serialised ONNX model.

    timing_cache: a file of what was measured, read and written, which makes the next build of a like graph quick;
    nothing is done with it where nothing is measured (TensorRT-RTX).
    say: takes a line of progress now and then; without it there is one line on the terminal. Raises BackendError for a
    graph, an opset or a GPU that the library does not take, and where memory does not suffice.
    """
    order = order or BuildOrder()
    heard = logger_of(library)
    types = _types(graph)
    builder = created(library.module.Builder, library, heard)
    network = library.network(builder)
    _parse(library, heard, network, graph)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(library.module.MemoryPoolType.WORKSPACE, order.workspace_bytes)
    if order.level is not None:
        config.builder_optimization_level = order.level
    library.set_types(config, network, types)
    library.set_tactics(config)
    library.set_targets(config, order.targets)
    _set_profile(builder, config, network, order.streams)
    timing_cache = timing_cache if library.times else None
    cache = _use_timings(config, timing_cache)
    line = Line()
    with shown(f"building the engine with {library}", library, config, say or line.say):
        plan = builder.build_serialized_network(network, config)
    line.end()
    if plan is None:
        raise BackendError(_refusal(library, heard.errors))
    if cache is not None and timing_cache is not None:
        write_if_possible(timing_cache, bytes(cache.serialize()))
    return bytes(plan)


def logger_of(library: Library) -> Any:
    """A logger that TensorRT speaks to: warnings go to ours, `errors` holds what it complained of."""
    base = library.module.ILogger

    class Heard(base):  # type: ignore[misc, valid-type]  # the class is known only when the library is loaded
        def __init__(self) -> None:
            base.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            name = severity.name
            if name in ("ERROR", "INTERNAL_ERROR"):
                self.errors.append(message.strip())
            elif name == "WARNING":
                log.debug("%s: %s", library, message.strip())

    return Heard()


def created(kind: Callable[[Any], Any], library: Library, heard: Any) -> Any:
    """The library's Builder or Runtime; raises BackendError where it gives none, as without a GPU."""
    try:
        return kind(heard)
    except (RuntimeError, TypeError) as error:  # the bindings raise TypeError where the library returned nothing
        said = "; ".join(heard.errors[:MOST_ERRORS]) or str(error)
        raise BackendError(f"{library} does not start: {said}; it needs an NVIDIA GPU and a driver for it") from error


def _parse(library: Library, heard: Any, network: Any, graph: bytes) -> None:
    parser = library.module.OnnxParser(network, heard)
    if parser.parse(graph) and network.num_layers:
        return
    found = [_told(parser.get_error(index)) for index in range(min(parser.num_errors, MOST_ERRORS))]
    said = "; ".join(found or heard.errors[:MOST_ERRORS]) or "the graph is empty"
    raise BackendError(f"{library} cannot read this graph: {said}; export it again with rimlight export onnx")


def _told(error: Any) -> str:
    """What a parser's error says, and of which node; what it knows of the node depends on its version."""
    name = error.node_name() if hasattr(error, "node_name") else ""
    kind = error.node_operator() if hasattr(error, "node_operator") else ""
    return f"node {error.node()} ({' '.join(filter(None, (kind, name))) or 'unnamed'}): {error.desc()}"


def _types(graph: bytes) -> dict[str, str]:
    """Types of the graph's tensors by name, as TensorRT calls them; raises BackendError for what is no such graph."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("building an engine", "onnx", "tensorrt") from error
    try:
        model = onnx.load_from_string(graph)
    except Exception as error:  # protobuf has exceptions of its own
        raise BackendError(f"expected an ONNX graph, got {len(graph)} bytes that are none ({error})") from error
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= opset <= newest:
        raise BackendError(f"expected a graph of opset {OLDEST_OPSET} to {newest}, got {opset}; export it at opset 17")
    names = {onnx.TensorProto.FLOAT: "FLOAT", onnx.TensorProto.FLOAT16: "HALF", onnx.TensorProto.INT8: "INT8"}
    known = onnx.shape_inference.infer_shapes(model).graph
    values = [*known.value_info, *known.input, *known.output]
    return {one.name: names.get(one.type.tensor_type.elem_type, "") for one in values}


def _set_profile(builder: Any, config: Any, network: Any, streams: Streams) -> None:
    """Say how large the free first axis may be, if it is free."""
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    free = [tensor for tensor in inputs if -1 in tuple(tensor.shape)]
    if not free:
        return
    profile = builder.create_optimization_profile()
    for tensor in free:
        first, *rest = tuple(tensor.shape)
        if -1 in rest:
            raise BackendError(
                f"expected fixed sizes but for the number of streams, got {tensor.name} of {(first, *rest)}; "
                "use rimlight.graph.engine_graph"
            )
        profile.set_shape(tensor.name, *((count, *rest) for count in (streams.least, streams.best, streams.most)))
    config.add_optimization_profile(profile)


def _use_timings(config: Any, path: Path | None) -> Any:
    """The timing cache that the build reads and adds to; a file that the library does not take is begun anew."""
    if path is None:
        return None
    cache = config.create_timing_cache(read_if_there(path))
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        log.warning("%s is damaged or of another library; what was measured is measured again", path.name)
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    return cache


def _refusal(library: Library, errors: list[str]) -> str:
    said = "; ".join(errors[-MOST_ERRORS:]) or "it gives no reason"
    if any(sign in said.lower() for sign in OUT_OF_MEMORY):
        return (
            f"{library} ran out of memory while it built the engine: {said}; close other programs that use the GPU, "
            "use a smaller --detail or fewer streams"
        )
    return f"{library} cannot build this engine: {said}; use another --backend, or --precision f32"
