"""Every form of the network says what PyTorch says: fixed sizes, half precision, OpenVINO's format, a program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from rimlight.errors import FrameError, WeightsError
from rimlight.export.files import open_file, read_file
from rimlight.export.form import Form
from rimlight.export.parity import compare
from rimlight.export.to_onnx import export_onnx
from rimlight.export.to_program import export_program, read_program
from rimlight.graph.half import half_graph
from rimlight.signature import HIDDEN, INPUTS, OUTPUTS, CallShape
from rimlight.types import Size

from .conftest import SMALL


def shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    ports = [*model.graph.input, *model.graph.output]
    return {port.name: tuple(side.dim_value for side in port.type.tensor_type.shape.dim) for port in ports}


def types(model: onnx.ModelProto) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, check_type=True).graph
    return {one.name: one.type.tensor_type.elem_type for one in (*inferred.value_info, *inferred.output)}


def test_a_fixed_file_has_no_free_dimension(fixed: Path) -> None:
    shape = CallShape(SMALL, frames=2)
    assert shapes(onnx.load(str(fixed))) == {name: shape.tensor(name) for name in (*INPUTS, *OUTPUTS, HIDDEN)}


def test_a_fixed_file_says_what_torch_says_across_a_cut(fixed: Path) -> None:
    found = compare(str(fixed), "torch", 6)
    assert found.size == SMALL
    assert found.passed
    assert max(errors.alpha_max for errors in found.frames) < 1e-3


def test_a_fixed_file_refuses_other_sizes_and_counts(fixed: Path) -> None:
    with pytest.raises(FrameError, match="fixed at 160x96, got 96x64; use --size 160x96"):
        open_file(read_file(fixed), Size(64, 96), 2)
    with pytest.raises(FrameError, match="takes 2 frames per call, got 1"):
        open_file(read_file(fixed), SMALL)
    backend = open_file(read_file(fixed), SMALL, 2)
    with pytest.raises(FrameError, match="takes 2 frames per call, got 1; give a multiple"):
        backend.clip(np.zeros((3, 3, 96, 160), np.float32))


def test_half_precision_stays_close_for_fifty_frames_and_a_cut(half: Path) -> None:
    found = compare(str(half), "onnx", 50, Size(144, 256))
    assert (found.precision, found.cut, len(found.frames)) == ("f16", 25, 50)
    assert found.passed
    assert max(errors.alpha_max for errors in found.frames) < 5e-3


def test_half_precision_keeps_its_islands_and_its_border(half: Path) -> None:
    model = onnx.load(str(half))
    kinds = types(model)
    parts = ("/refiner/", "/backbone/")
    nodes = [node for node in model.graph.node if node.op_type != "Cast"]
    alone = [node for node in nodes if any(part in node.name for part in parts)]
    single = [*alone, *(node for node in nodes if node.op_type in ("Softmax", "ReduceMean", "Div"))]
    floats = {TensorProto.FLOAT, TensorProto.FLOAT16}
    assert {kinds[node.output[0]] for node in single if kinds[node.output[0]] in floats} == {TensorProto.FLOAT}
    convolutions = [node for node in nodes if node.op_type == "Conv" and node not in alone]
    assert len(convolutions) == 19
    assert {kinds[node.output[0]] for node in convolutions} == {TensorProto.FLOAT16}
    ports = [*model.graph.input, *model.graph.output]
    assert {port.type.tensor_type.elem_type for port in ports} == {TensorProto.FLOAT}


def test_half_precision_keeps_the_weights_of_the_encoder(half: Path, fixed: Path) -> None:
    found = []
    for path in (fixed, half):
        graph = onnx.load(str(path)).graph
        tensors = {tensor.name: tensor for tensor in graph.initializer}
        first = next(node for node in graph.node if node.op_type == "Conv" and "/features.1/" in node.name)
        found.append(numpy_helper.to_array(tensors[first.input[1]]))
    assert found[1].dtype == np.float32
    assert (found[0] == found[1]).all()
    assert half.stat().st_size < 0.93 * fixed.stat().st_size


def test_8_bits_are_written_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "int8.onnx"
    export_onnx(path, None, Form(SMALL, 2, "int8"))
    metadata = read_file(path).metadata
    assert (metadata.precision, metadata.opset, metadata.size, metadata.batch) == ("int8", "19", "160x96", "2")
    assert compare(str(path), "torch", 6).precision == "int8"


def test_a_weight_that_half_precision_cannot_hold_is_refused(fixed: Path) -> None:
    model = onnx.load(str(fixed))
    tensor = next(one for one in model.graph.initializer if one.name == "network.project.bias")
    tensor.CopyFrom(numpy_helper.from_array(np.full(4, 1e6, np.float32), tensor.name))
    with pytest.raises(WeightsError, match="goes to 1e\\+06, which float16 cannot hold; use f32"):
        half_graph(model)


@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_openvino_files_say_what_torch_says(precision: str, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="the openvino extra is not installed")
    from rimlight.export.to_openvino import export_openvino, read_openvino

    path = tmp_path / "net.xml"
    export_openvino(path, None, Form(precision="f16" if precision == "f16" else "f32"))
    _, metadata = read_openvino(path)
    assert (metadata.precision, metadata.signature, metadata.size) == (precision, "1", None)
    found = compare(str(path), "torch", 4, Size(144, 256))
    assert (found.precision, found.passed) == (precision, True)


def test_a_program_says_exactly_what_torch_says_at_any_size(tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    export_program(path)
    module, metadata = read_program(path)
    assert "RecursiveScriptModule" not in {type(part).__name__ for part in module.modules()}
    assert (metadata.size, metadata.batch, metadata.signature) == (None, "1", "1")
    for size in (SMALL, Size(64, 112)):
        found = compare(str(path), "torch", 4, size)
        assert max(errors.alpha_max for errors in found.frames) < 1e-5


def test_a_program_has_no_half_precision(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="expected precision f32 for a program, got f16"):
        export_program(tmp_path / "net.pt2", None, Form(precision="f16"))


def test_forms_look_at_their_sizes() -> None:
    with pytest.raises(FrameError, match="multiples of 16, got 100x90; use 96x96"):
        Form(Size(90, 100))
    with pytest.raises(FrameError, match="at least 1 frame, got 0"):
        Form(batch=0)
    assert [Form().frames, Form(SMALL).frames, Form(batch=4).frames] == [None, 1, 4]
