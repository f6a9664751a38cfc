"""The decoder in 8 bits: where, how, and by which ranges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from rimlight.errors import FrameError, SourceError, WeightsError
from rimlight.export.clips import clip, video_clip
from rimlight.export.quantised import quantised
from rimlight.graph.calibration import largest_values
from rimlight.graph.fixed import read_graph
from rimlight.graph.int8 import int8_graph
from rimlight.types import Size

from .conftest import SMALL


def test_all_of_the_decoder_and_nothing_else_is_in_8_bits(int8: Path) -> None:
    graph = onnx.load(str(int8)).graph
    made_by = {name: node for node in graph.node for name in node.output}
    quantised_nodes = {
        node.name
        for node in graph.node
        if node.op_type == "Conv"
        and all(name in made_by and made_by[name].op_type == "DequantizeLinear" for name in node.input[:2])
    }
    decoder = {node.name for node in graph.node if node.op_type == "Conv" and "/decoder/" in node.name}
    assert quantised_nodes == decoder
    assert len(decoder) == 14


def test_scales_are_symmetric_and_weights_have_one_per_channel(int8: Path) -> None:
    graph = onnx.load(str(int8)).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    pairs = [node for node in graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert all(tensors[node.input[2]].dtype == np.int8 and not tensors[node.input[2]].any() for node in pairs)
    assert all(tensors[node.input[1]].dtype == np.float16 and (tensors[node.input[1]] > 0).all() for node in pairs)
    weights = [node for node in pairs if node.input[0] in tensors]
    assert len(weights) == 14
    for node in weights:
        levels = tensors[node.input[0]]
        assert levels.dtype == np.int8
        assert tensors[node.input[1]].shape == levels.shape[:1]
        assert (np.abs(levels.astype(int)).reshape(len(levels), -1).max(1) == 127).all()


def test_the_graph_is_sound_at_an_opset_that_takes_half_scales(int8: Path) -> None:
    model = onnx.load(str(int8))
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 19
    kinds = {port.type.tensor_type.elem_type for port in (*model.graph.input, *model.graph.output)}
    assert kinds == {TensorProto.FLOAT}


def test_ranges_cover_what_is_seen_but_for_outliers() -> None:
    model, _ = read_graph()
    images, cuts = clip(4, SMALL)
    name = "/network/decoder/up1/Relu_output_0"
    (found,) = largest_values(model, [name], images, cuts).values()
    (again,) = largest_values(model, [name], images, cuts).values()
    assert 0 < found == again
    (darker,) = largest_values(model, [name], images * 0, cuts).values()
    assert darker != found


def test_a_clip_that_is_none_is_refused() -> None:
    images, _ = clip(4, SMALL)
    with pytest.raises(FrameError, match="starts with a cut, got 4 frames"):
        largest_values(read_graph()[0], [], images, [False] * 4)
    with pytest.raises(FrameError, match="got 0 frames"):
        largest_values(read_graph()[0], [], images[:0], [])


def test_another_network_is_refused() -> None:
    model, _ = read_graph()
    for node in model.graph.node:
        node.name = node.name.replace("decoder", "head")
    with pytest.raises(WeightsError, match="no convolutions of this network"):
        int8_graph(model, *clip(4, SMALL))


def test_ranges_may_come_from_a_video(shared: Path) -> None:
    video = shared / "clips" / "webcam.mp4"
    images, cuts = video_clip(video, SMALL)
    assert images.shape[1:] == (3, 96, 160)
    assert (images.min() >= 0, images.max() <= 1, sum(cuts), cuts[0]) == (True, True, 1, True)
    assert video_clip(video)[0].shape[3] == 512
    by_video, by_portrait = (quantised(read_graph()[0], SMALL, source) for source in (video, None))
    assert by_video != by_portrait


def test_a_video_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").write_bytes(b"no video")
    with pytest.raises(SourceError, match=r"cannot read talk\.mp4"):
        video_clip(tmp_path / "talk.mp4", Size(96, 160))
