"""Engines of TensorRT, for the GPU that is here, and of TensorRT-RTX, for GPUs that need not be here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from rimlight.backends.tensorrt_build import BuildOrder, build
from rimlight.backends.tensorrt_compat import Kind, Library, library
from rimlight.errors import SinkError
from rimlight.export.quantised import quantised
from rimlight.graph.engine_file import write_engine
from rimlight.graph.fixed import Precision, engine_graph, read_graph
from rimlight.graph.half import half_graph
from rimlight.graph.metadata import of_model, write_onnx
from rimlight.graph.streams import Streams
from rimlight.signature import check_internal
from rimlight.types import Size


@dataclass(frozen=True, slots=True)
class EngineForm:
    """What an engine is for; raises FrameError for a size off the grid.

    frames: of one stream per call. targets: compute capabilities such as "8.9" (TensorRT-RTX), the GPU here without.
    """

    size: Size
    streams: Streams = field(default_factory=Streams)
    frames: int = 1
    precision: Precision = "f32"
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_internal(self.size)


def export_engine(
    target: Path, kind: Kind, form: EngineForm, weights: Path | None = None, calibrate: Path | None = None,
    timing_cache: Path | None = None, say: Callable[[str], None] | None = None,
) -> None:  # fmt: skip
    """Write the network as an engine with its metadata.

    weights: a file, the shipped network without it. calibrate: a video that int8 takes its ranges from, the shipped
    portrait without it. timing_cache, say: as in rimlight.backends.tensorrt_build.build. Raises MissingExtraError
    without the library, BackendError where it cannot build, WeightsError for weights that do not fit.
    """
    with_what = library(kind)
    with TemporaryDirectory() as aside:
        source = _source(Path(aside), form, weights, calibrate)
        graph = engine_graph(form.size, form.streams, form.precision, source, form.frames)
    timings = timing_cache if kind == "tensorrt" else None  # TensorRT-RTX measures nothing while it builds
    plan = build(with_what, graph, BuildOrder(form.streams, form.targets), timings, say)
    try:
        write_engine(target, _notes(with_what, form, graph), plan)
    except OSError as error:
        raise SinkError(f"cannot write {target}: {error.strerror}; choose another --out") from error


def _source(folder: Path, form: EngineForm, weights: Path | None, calibrate: Path | None) -> Path | None:
    """The graph to begin with, None for the one that ships."""
    source = None
    if weights is not None:
        from rimlight.export.to_onnx import export_onnx  # needs PyTorch, which the shipped network does not

        source = folder / "network.onnx"
        export_onnx(source, weights)
    if form.precision == "int8":
        model, notes = read_graph(source)
        source = folder / "int8.onnx"
        model = half_graph(quantised(model, form.size, calibrate))
        write_onnx(model, replace(notes, precision="int8"))
        onnx.save(model, str(source))
    return source


def _notes(with_what: Library, form: EngineForm, graph: bytes) -> dict[str, str]:
    """What the graph says of itself, and what the engine was built with and for."""
    metadata = of_model(onnx.load_from_string(graph), "the engine's graph")
    return metadata.properties() | {
        "kind": with_what.kind,
        "library": with_what.version,
        "targets": ",".join(form.targets),
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
    }
