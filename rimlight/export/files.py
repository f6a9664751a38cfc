"""Exported files as backends, so that they can be run and compared like those that ship.

Nothing here is tuned: memory goes through plain arrays, and ONNX Runtime rounds where the graph says so. Engines alone
run as they do live, by the backend of their library.
Letters: T frames of a call, h, w internal size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.backends.base import Backend, Memory
from rimlight.errors import BackendError, FrameError, MissingExtraError, WeightsError
from rimlight.export.metadata import read_onnx, verify
from rimlight.graph.engine_file import read_notes
from rimlight.graph.metadata import Metadata, parsed
from rimlight.signature import INPUTS, OUTPUTS, CallShape
from rimlight.types import FloatArray, Size

Arrays = dict[str, FloatArray]
Run = Callable[[Arrays], Sequence[FloatArray]]  # inputs by name to OUTPUTS in their order


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file that was read. model: what its runtime makes of it before the shape is known."""

    path: Path
    metadata: Metadata
    model: Any


class FileBackend(Backend):
    """State: keys and values (1, S, C, h/16, w/16). A file with a fixed number of frames takes whole calls only."""

    name = "file"

    def __init__(self, file: ExportedFile, size: Size, batch: int, run: Run) -> None:
        super().__init__(size, batch)
        self.path, self.metadata, self._run = file.path, file.metadata, run

    @property
    def device(self) -> str:
        return f"{self.path.name}, {self.metadata.precision or 'f32'}"

    def empty_memory(self) -> Memory:
        empty = [np.zeros(self.shape.tensor(name), np.float32) for name in ("keys", "values")]
        return Memory((empty[0], empty[1]))

    def _call(
        self, images: FloatArray, state: Any, own: Sequence[float]
    ) -> tuple[FloatArray, FloatArray, Any]:  # fmt: skip
        if self.metadata.fixed_batch not in (None, len(images)):
            raise FrameError(
                f"{self.path.name} takes {self.metadata.batch} frames per call, got {len(images)}; give a multiple"
            )
        inputs = (np.ascontiguousarray(images)[None], *state, np.array([list(own)], np.float32))
        try:
            scale, offset, keys, values = self._run(dict(zip(INPUTS, inputs, strict=True)))
        except Exception as error:  # every runtime has exceptions of its own, without a common base class
            raise BackendError(f"{self.path.name} failed on a {self.size} step: {error}") from error
        return scale[0], offset[0], (keys, values)


def _check_fixed(file: ExportedFile, size: Size, batch: int) -> None:
    name, metadata = file.path.name, file.metadata
    if metadata.fixed_size not in (None, size):
        raise FrameError(f"{name} is fixed at {metadata.size}, got {size}; use --size {metadata.size}")
    if metadata.fixed_batch not in (None, batch):
        raise FrameError(f"{name} takes {metadata.batch} frames per call, got {batch}; export it with --batch {batch}")


def _on_onnx(file: ExportedFile, shape: CallShape) -> Run:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the other side computes as well
    if file.metadata.precision in ("f16", "int8"):  # optimised for a processor, it would round less than the graph says
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    for name, value in shape.dimensions().items():
        options.add_free_dimension_override_by_name(name, value)
    try:
        session = ort.InferenceSession(file.path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has no common base class of its errors
        raise WeightsError(f"ONNX Runtime cannot open {file.path.name}: {error}; export it again") from error
    _check_names(file.path, [one.name for one in session.get_inputs()], [one.name for one in session.get_outputs()])

    def run(inputs: Arrays) -> Sequence[FloatArray]:
        found: Sequence[FloatArray] = session.run(list(OUTPUTS), inputs)
        return found

    return run


def _on_openvino(file: ExportedFile, shape: CallShape) -> Run:
    from rimlight.export.to_openvino import compiled

    _check_names(file.path, _tensor_names(file.model.inputs), _tensor_names(file.model.outputs))
    network = compiled(file.model, shape, file.path.name)

    def run(inputs: Arrays) -> Sequence[FloatArray]:
        found = network(inputs)
        return [np.array(found[name], np.float32) for name in OUTPUTS]

    return run


def _on_torch(file: ExportedFile, shape: CallShape) -> Run:  # noqa: ARG001 - the others need the shape
    import torch

    def run(inputs: Arrays) -> Sequence[FloatArray]:
        with torch.inference_mode():
            found = file.model(*(torch.from_numpy(inputs[name]) for name in INPUTS))
        return [tensor.numpy() for tensor in found[: len(OUTPUTS)]]

    return run


def _tensor_names(ports: Sequence[Any]) -> list[str]:
    return [port.get_any_name() for port in ports]


def _check_names(path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    if set(inputs) != set(INPUTS) or not set(outputs) >= set(OUTPUTS):
        raise WeightsError(
            f"{path.name} is another network: expected inputs {', '.join(INPUTS)} and outputs {', '.join(OUTPUTS)}, "
            f"got {', '.join(inputs)} and {', '.join(outputs)}; export it again"
        )


def _read_onnx(path: Path) -> tuple[Any, Metadata]:
    return None, read_onnx(path)  # ONNX Runtime reads the file itself, once the shape is known


def _read_openvino(path: Path) -> tuple[Any, Metadata]:
    from rimlight.export.to_openvino import read_openvino

    return read_openvino(path)


def _read_program(path: Path) -> tuple[Any, Metadata]:
    from rimlight.export.to_program import read_program

    return read_program(path)


def _read_engine(path: Path) -> Metadata:
    return verify(parsed(read_notes(path), path.name), path.name)


def _on_tensorrt(file: ExportedFile, size: Size, batch: int) -> Backend:
    from rimlight.backends.on_tensorrt import TensorRtBackend

    return TensorRtBackend(size, batch, engine=file.path)


# suffix: (package that must be there, extra that brings it, reader, opener)
KINDS: dict[str, tuple[str, str, Callable[[Path], tuple[Any, Metadata]], Callable[[ExportedFile, CallShape], Run]]] = {
    ".onnx": ("onnx", "export", _read_onnx, _on_onnx),
    ".xml": ("openvino", "openvino", _read_openvino, _on_openvino),
    ".pt2": ("torch", "torch", _read_program, _on_torch),
}
ENGINE = ".engine"  # whose library depends on the file, and is asked for when it is opened
SUFFIXES = (*KINDS, ENGINE)


def is_exported(name: str) -> bool:
    """Whether name looks like an exported file rather than a backend."""
    return Path(name).suffix in SUFFIXES


def read_file(path: Path) -> ExportedFile:
    """An exported file of any kind, its metadata verified.

    Raises WeightsError if it is missing, damaged or for another network, MissingExtraError without its runtime.
    """
    if not path.is_file():
        raise WeightsError(f"no file {path}; export it first")
    if path.suffix == ENGINE:
        return ExportedFile(path, _read_engine(path), None)
    package, extra, read, _ = KINDS[path.suffix]
    if find_spec(package) is None:
        raise MissingExtraError(f"reading {path.suffix} files", package, extra)
    model, metadata = read(path)
    return ExportedFile(path, metadata, model)


def open_file(file: ExportedFile, size: Size, batch: int = 1) -> Backend:
    """An exported file as a backend, on the processor; an engine on the GPU that it was built for.

    Raises FrameError if the file is fixed at another size or number of frames, WeightsError if its runtime refuses it;
    for an engine BackendError without its GPU, MissingExtraError without its library.
    """
    _check_fixed(file, size, batch)
    if file.path.suffix == ENGINE:
        return _on_tensorrt(file, size, batch)
    return FileBackend(file, size, batch, KINDS[file.path.suffix][3](file, CallShape(size, frames=batch)))
