"""One ONNX file with named free or fixed dimensions, made from the weights.

Every up-sampling is a constant x2 and every size is a dimension with a name, so that one file serves any internal
size in multiples of 16; runtimes fix the dimensions when a session opens. What builds an engine ahead wants them fixed.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from rimlight.errors import MissingExtraError
from rimlight.export.form import Exported, Form
from rimlight.export.metadata import metadata_of
from rimlight.export.quantised import quantised
from rimlight.graph.half import half_graph
from rimlight.graph.metadata import write_onnx
from rimlight.kernels.tail import TailWeights
from rimlight.model.weights import load_network
from rimlight.signature import DIMENSIONS, HIDDEN, INPUTS, OUTPUTS
from rimlight.types import FloatArray

try:
    import onnx
except ImportError as error:
    raise MissingExtraError("rimlight export", "onnx", "export") from error

OPSET = 17


def free_dimensions(form: Form | None = None) -> dict[str, dict[int, str]]:
    """Names of the free dimensions of every input and output."""
    form = form or Form()
    streams, frames, height, width, cells_high, cells_wide, count = DIMENSIONS
    pictures = {0: streams, 1: frames, 3: height, 4: width}
    memories = {0: streams, 3: cells_high, 4: cells_wide}
    names = {name: memories if name.endswith(("keys", "values")) else pictures for name in INPUTS + OUTPUTS}
    names |= {"own": {0: streams, 1: frames}, HIDDEN: {0: count, 2: height, 3: width}}
    fixed = {streams, frames, count} if form.frames else set()
    fixed |= {height, width, cells_high, cells_wide} if form.size else set()
    return {name: {axis: free for axis, free in axes.items() if free not in fixed} for name, axes in names.items()}


def export_tail(target: Path, weights: Path | None = None) -> None:
    """Write the last layers, normalisation folded in, as the arrays of rimlight.kernels.tail.TailWeights."""
    network = load_network(weights)
    first, first_norm, _, second, second_norm, _, third = network.refiner.conv
    weights_of = TailWeights(
        *_plain(network.project), *_folded(first, first_norm), *_folded(second, second_norm), *_plain(third)
    )
    arrays: dict[str, Any] = weights_of._asdict()
    np.savez(target, **arrays)


def _plain(conv: nn.Module) -> tuple[FloatArray, FloatArray]:
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    return conv.weight[:, :, 0, 0].detach().numpy(), conv.bias.detach().numpy()


def _folded(conv: nn.Module, norm: nn.Module) -> tuple[FloatArray, FloatArray]:
    """1x1 convolution and the normalisation after it as one (outputs, inputs) matrix and bias."""
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    bias = norm.bias - norm.running_mean * gain
    return (conv.weight[:, :, 0, 0] * gain[:, None]).detach().numpy(), bias.detach().numpy()


def export_onnx(
    target: Path, weights: Path | None = None, form: Form | None = None, calibrate: Path | None = None
) -> None:  # fmt: skip
    """Write the network with the given weights, or the shipped ones, to target; raises WeightsError if they do not fit.

    form: what is fixed, and the precision; everything free and float32 without it. calibrate: a video that int8 takes
    its ranges from; the shipped portrait without it. The file says what it is made of (rimlight.graph.metadata).
    """
    form = form or Form()
    network = load_network(weights)
    model = _traced(Exported(network).eval(), form)
    if form.precision == "int8":
        model = quantised(model, form.size, calibrate)
    if form.precision != "f32":
        model = half_graph(model)
    onnx.checker.check_model(model, full_check=True)
    write_onnx(model, metadata_of(form, network.config, weights, model.opset_import[0].version))
    model.producer_name, model.producer_version = "rimlight", ""
    onnx.save(model, str(target))


def _traced(network: Exported, form: Form) -> Any:
    with TemporaryDirectory() as aside, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter's own deprecations; the result is checked afterwards
        path = str(Path(aside) / "traced.onnx")
        torch.onnx.export(
            network, form.example(), path, input_names=list(INPUTS), output_names=[*OUTPUTS, HIDDEN],
            dynamic_axes=free_dimensions(form), opset_version=OPSET, dynamo=False,
        )  # fmt: skip
        return onnx.load(path)
