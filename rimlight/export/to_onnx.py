"""One ONNX file with named free dimensions, made from the weights.

Every up-sampling is a constant x2 and every size is a dimension with a name, so that one file serves any internal
size in multiples of 16; runtimes fix the dimensions when a session opens.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rimlight.errors import MissingExtraError
from rimlight.kernels.tail import TailWeights
from rimlight.model.network import MattingNetwork
from rimlight.model.weights import load_network
from rimlight.signature import DIMENSIONS, HIDDEN, INPUTS, OUTPUTS, CallShape
from rimlight.types import FloatArray, Size

try:
    import onnx
except ImportError as error:
    raise MissingExtraError("rimlight export", "onnx", "export") from error

OPSET = 17


class Exported(nn.Module):
    """The network with just the inputs and outputs of rimlight.signature."""

    def __init__(self, network: MattingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor, keys: Tensor, values: Tensor, own: Tensor) -> tuple[Tensor, ...]:
        out = self.network(images, keys, values, own)
        return out.scale, out.offset, out.keys, out.values, out.hidden


def free_dimensions() -> dict[str, dict[int, str]]:
    """Names of the free dimensions of every input and output."""
    streams, frames, height, width, cells_high, cells_wide, count = DIMENSIONS
    pictures = {0: streams, 1: frames, 3: height, 4: width}
    memories = {0: streams, 3: cells_high, 4: cells_wide}
    names = {name: memories if name.endswith(("keys", "values")) else pictures for name in INPUTS + OUTPUTS}
    return names | {"own": {0: streams, 1: frames}, HIDDEN: {0: count, 2: height, 3: width}}


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


def export_onnx(target: Path, weights: Path | None = None) -> None:
    """Write the network with the given weights, or the shipped ones, to target; raises WeightsError if they do not fit.

    The file's metadata holds the network's config.
    """
    network = load_network(weights)
    shape = CallShape(Size(96, 160), streams=2, frames=3)
    example = tuple(torch.rand(shape.tensor(name)) for name in INPUTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter's own deprecations; the result is checked below
        torch.onnx.export(
            Exported(network).eval(), example, str(target), input_names=list(INPUTS), output_names=[*OUTPUTS, HIDDEN],
            dynamic_axes=free_dimensions(), opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    model = onnx.load(str(target))
    onnx.checker.check_model(model, full_check=True)
    onnx.helper.set_model_props(model, {"rimlight.config": json.dumps(asdict(network.config))})
    model.producer_name, model.producer_version = "rimlight", ""
    onnx.save(model, str(target))
