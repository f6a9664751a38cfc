"""Graphs for engines are fixed, typed, free of shape arithmetic, and say what the network says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from rimlight import assets
from rimlight.errors import FrameError, WeightsError
from rimlight.graph.fixed import Precision, engine_graph, read_graph
from rimlight.graph.metadata import of_model
from rimlight.graph.streams import Streams
from rimlight.signature import INPUTS, OUTPUTS, CallShape
from rimlight.types import Size

from .conftest import SEEN, SMALL

MANY = Streams(1, 2, 4)
FORMS = [(precision, streams) for precision in ("f32", "f16", "int8") for streams in (Streams.fixed(3), MANY)]


def made(int8: Path, precision: Precision, streams: Streams = MANY, frames: int = 1, size: Size = SMALL) -> Any:
    source = int8 if precision == "int8" else None
    return onnx.load_from_string(engine_graph(size, streams, precision, source, frames))


def inferred(model: Any) -> Any:
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph


@pytest.mark.parametrize(("precision", "streams"), FORMS, ids=str)
def test_every_form_is_sound_and_computes_no_shape(int8: Path, precision: Precision, streams: Streams) -> None:
    model = made(int8, precision, streams)
    onnx.checker.check_model(model, full_check=True)
    constants = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        assert node.op_type not in ("Shape", "ConstantOfShape", "Gather", "Constant", "Mod")
        if node.op_type in ("Reshape", "Expand", "Slice", "Pad", "Unsqueeze"):
            assert set(node.input[1:]) <= constants, node.name


@pytest.mark.parametrize(("precision", "streams"), FORMS, ids=str)
def test_only_the_streams_are_free(int8: Path, precision: Precision, streams: Streams) -> None:
    model = made(int8, precision, streams, frames=2)
    graph = inferred(model)
    assert [port.name for port in graph.input] == list(INPUTS)
    assert [port.name for port in graph.output] == list(OUTPUTS)
    shape = CallShape(SMALL, streams.most, frames=2)
    for port in (*graph.input, *graph.output):
        kind = port.type.tensor_type
        sides = [side.dim_value or side.dim_param for side in kind.shape.dim]
        first = streams.most if streams.is_fixed else "streams"
        assert sides == [first, *shape.tensor(port.name)[1:]]
        assert kind.elem_type == onnx.TensorProto.FLOAT
    if streams.is_fixed:
        assert all(side.HasField("dim_value") for one in graph.value_info for side in one.type.tensor_type.shape.dim)


def test_the_same_order_gives_the_same_bytes(int8: Path) -> None:
    assert engine_graph(SMALL, MANY, "f16") == engine_graph(SMALL, MANY, "f16")
    assert engine_graph(SMALL, MANY, "int8", int8) == engine_graph(SMALL, MANY, "int8", int8)


def test_a_graph_says_what_it_is_made_of() -> None:
    found = of_model(onnx.load_from_string(engine_graph(SMALL, MANY, "f16", frames=2)), "graph")
    assert (found.size, found.streams, found.batch, found.precision) == ("160x96", "1:2:4", "2", "f16")
    weights = assets.asset(f"{assets.DEFAULT}.safetensors")
    assert (found.weights, found.weights_sha256, found.signature) == (assets.DEFAULT, weights.sha256, "1")


@pytest.mark.parametrize("precision", ["f32", "f16", "int8"])
def test_a_fixed_graph_says_what_torch_says_for_fifty_frames_and_a_cut(
    int8: Path, tmp_path: Path, precision: Precision
) -> None:
    pytest.importorskip("torch", reason="the torch extra is not installed")
    from rimlight.export.parity import compare

    path = tmp_path / "fixed.onnx"
    path.write_bytes(engine_graph(SEEN, Streams(), precision, int8 if precision == "int8" else None))
    found = compare(str(path), "torch", 52)
    assert (found.size, found.precision, found.cut) == (SEEN, precision, 26)
    assert found.passed
    worst = max(errors.alpha_max for errors in found.frames)
    assert worst < {"f32": 1e-4, "f16": 5e-3, "int8": 0.25}[precision]


def test_streams_together_say_what_each_says_alone(int8: Path) -> None:
    dice = np.random.default_rng(3)
    shape = CallShape(SMALL, streams=3, frames=2)
    inputs = {name: dice.random(shape.tensor(name), np.float32) for name in INPUTS}
    inputs["own"] = np.array([[1, 1], [0, 0], [0, 1]], np.float32)
    model = made(int8, "f32", MANY, frames=2)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    together = session.run(list(OUTPUTS), inputs)
    for stream in range(3):
        alone = session.run(list(OUTPUTS), {name: array[stream : stream + 1] for name, array in inputs.items()})
        for one, all_of_them in zip(alone, together, strict=True):
            np.testing.assert_allclose(one[0], all_of_them[stream], atol=2e-5)


def test_an_exported_file_serves_as_source(tmp_path: Path) -> None:
    model, _ = read_graph()
    tensor = next(one for one in model.graph.initializer if one.name == "network.project.bias")
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.full(4, 7, np.float32), tensor.name))
    onnx.save(model, str(tmp_path / "other.onnx"))
    made_of_it = onnx.load_from_string(engine_graph(SMALL, source=tmp_path / "other.onnx")).graph.initializer
    (bias,) = [onnx.numpy_helper.to_array(one) for one in made_of_it if one.name == tensor.name]
    assert (bias == 7).all()


def test_a_fixed_source_serves_its_own_size_only(tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    path.write_bytes(engine_graph(SMALL))
    assert onnx.load_from_string(engine_graph(SMALL, source=path)).graph == onnx.load(str(path)).graph
    with pytest.raises(FrameError, match="fixed at 160x96, got 96x64; use --size 160x96"):
        engine_graph(Size(64, 96), source=path)
    with pytest.raises(FrameError, match="takes 1 frames per call, got 2"):
        engine_graph(SMALL, source=path, frames=2)
    with pytest.raises(FrameError, match="takes one stream, got 1:2:4"):
        engine_graph(SMALL, MANY, source=path)


def test_sizes_and_counts_off_the_grid_are_refused() -> None:
    with pytest.raises(FrameError, match="multiples of 16, got 100x90; use 96x96"):
        engine_graph(Size(90, 100))
    with pytest.raises(FrameError, match="at least 1 frame of a call, got 0"):
        engine_graph(SMALL, frames=0)


def test_precision_cannot_be_made_up(int8: Path) -> None:
    with pytest.raises(WeightsError, match="in f32, which cannot become int8; export ONNX"):
        engine_graph(SMALL, precision="int8")
    with pytest.raises(WeightsError, match=r"int8\.onnx is in int8, which cannot become f32"):
        engine_graph(SMALL, precision="f32", source=int8)


def test_sources_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "talk.onnx").write_bytes(b"no network, but long enough to look like something")
    with pytest.raises(WeightsError, match=r"cannot read talk\.onnx"):
        engine_graph(SMALL, source=tmp_path / "talk.onnx")
    port = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "other", [port], [port])
    other.output[0].name = "y"
    onnx.save(onnx.helper.make_model(other), str(tmp_path / "other.onnx"))
    with pytest.raises(WeightsError, match=r"other\.onnx is another network: its inputs are x"):
        engine_graph(SMALL, source=tmp_path / "other.onnx")


def test_graphs_are_made_without_torch() -> None:
    code = (
        "import sys; from rimlight.graph.fixed import engine_graph; from rimlight.types import Size; "
        "engine_graph(Size(96, 160)); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
