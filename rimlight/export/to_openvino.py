"""OpenVINO's own format (IR): the graph as XML, the weights beside it, in float32 or kept in half precision."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from rimlight.errors import MissingExtraError, WeightsError
from rimlight.export.form import Form
from rimlight.export.metadata import metadata_of, verify
from rimlight.export.to_onnx import OPSET, export_onnx
from rimlight.graph.metadata import PREFIX, Metadata, parsed
from rimlight.model.config import ModelConfig
from rimlight.signature import INPUTS, CallShape

try:
    from rimlight.backends.openvino_import import ov
except ImportError as error:
    raise MissingExtraError("rimlight export openvino", "openvino", "openvino") from error

from rimlight.backends.openvino_network import core  # one per process: several end in a crash

SECTION = PREFIX.removesuffix(".")


def export_openvino(target: Path, weights: Path | None = None, form: Form | None = None) -> None:
    """Write the network as target (.xml) and its weights beside it (.bin).

    form: what is fixed; f16 keeps the weights in half precision, which the runtime computes with in its own. Raises
    WeightsError if the weights do not fit.
    """
    form = form or Form()
    with TemporaryDirectory() as aside:
        graph = Path(aside) / "network.onnx"
        export_onnx(graph, weights, Form(form.size, form.batch))
        model = core().read_model(graph)
        metadata = metadata_of(form, ModelConfig(), weights, OPSET)
        for name, value in metadata.properties().items():
            model.set_rt_info(value, [SECTION, name.removeprefix(PREFIX)])
        ov.save_model(model, str(target), compress_to_fp16=form.precision == "f16")


def read_openvino(path: Path) -> tuple[ov.Model, Metadata]:
    """A model of that format and its metadata, verified; raises WeightsError if it is none, or for another network."""
    try:
        model = core().read_model(path)
    except RuntimeError as error:
        said = str(error).strip().splitlines()[-1]
        raise WeightsError(f"cannot read {path.name}: {said}; expected .xml with its .bin beside it") from error
    names = {name: [SECTION, name] for name in Metadata.__slots__}
    stated = {
        PREFIX + name: str(model.get_rt_info(place).value) for name, place in names.items() if model.has_rt_info(place)
    }
    return model, verify(parsed(stated, path.name), path.name)


def compiled(model: ov.Model, shape: CallShape, name: str) -> ov.CompiledModel:
    """A model for calls of that shape on the processor, in float32; raises WeightsError if it cannot be."""
    try:
        model.reshape({one: list(shape.tensor(one)) for one in INPUTS})
        return core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except RuntimeError as error:
        said = str(error).strip().splitlines()[-1]
        raise WeightsError(f"OpenVINO cannot open {name}: {said}; export it again") from error
