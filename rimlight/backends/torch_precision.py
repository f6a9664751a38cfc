"""The network on a device in a precision: float32 as the reference, or "f16", float16 where it does no harm.

What float16 costs was measured part by part, in alpha at the internal size: a few thousandths where it is used here,
several hundredths in the encoder, whose early stages everything later hangs on. So the encoder stays in float32, and
the guided filter, whose variance has no digits left otherwise. Batch normalisation is folded into the convolutions
before weights are rounded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

from rimlight.errors import BackendError, MissingExtraError

try:
    import torch
except ImportError as error:
    raise MissingExtraError("the torch backend", "PyTorch", "torch") from error

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rimlight.model.network import MattingNetwork
from rimlight.model.weights import load_network

Precision: TypeAlias = Literal["f32", "f16"]
PRECISIONS = {"f32": "float32", "f16": "float16, encoder and guided filter float32"}


def place_of(device: str) -> torch.device:
    """The device of a name: cpu, cuda, cuda:1; raises BackendError where PyTorch has none of that name."""
    if device == "cpu":
        return torch.device(device)
    kind, _, index = device.partition(":")
    if kind != "cuda" or not (index or "0").isdigit():
        raise BackendError(f"expected device cpu, cuda or cuda:N for the torch backend, got {device!r}")
    if not torch.cuda.is_available():
        raise BackendError(f"device {device!r} was asked for, but PyTorch sees no GPU; use --device cpu")
    if int(index or 0) >= torch.cuda.device_count():
        raise BackendError(f"device {device!r} was asked for, but PyTorch sees {torch.cuda.device_count()} GPUs")
    return torch.device("cuda", int(index or 0))


def precision_of(place: torch.device, wanted: str | None) -> Precision:
    """The one asked for; by default f16 on a GPU and f32 elsewhere. Raises BackendError for another name."""
    if wanted is None:
        return "f16" if place.type == "cuda" else "f32"
    if wanted == "f16":
        return "f16"
    if wanted == "f32":
        return "f32"
    raise BackendError(f"expected a precision of {' or '.join(PRECISIONS)}, got {wanted!r}")


def described(place: torch.device, precision: Precision) -> str:
    """Runtime, processor and precision as one phrase."""
    where = torch.cuda.get_device_name(place) if place.type == "cuda" else "CPU"
    return f"PyTorch {torch.__version__} on {where}, {PRECISIONS[precision]}"


def open_network(place: torch.device, precision: Precision, weights: Path | None = None) -> MattingNetwork:
    """The network with the weights of a file, or the shipped ones, ready for calls in that precision."""
    network = load_network(weights).requires_grad_(False)
    return (halved(network) if precision == "f16" else network).to(place)


def halved(network: MattingNetwork) -> MattingNetwork:
    """Change a network in place to float16 behind its encoder; pictures and coefficients remain float32."""
    fold(network)
    for part in (network.aspp, network.memory, network.decoder, network.project):
        part.half()
    network.backbone.register_forward_hook(lambda _module, _given, taps: [tap.half() for tap in taps])
    network.decoder.register_forward_pre_hook(_picture_too)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def memory_type(network: MattingNetwork) -> torch.dtype:
    """The type of keys and values."""
    return next(network.memory.parameters()).dtype


def fold(module: nn.Module) -> None:
    """Fold every batch normalisation that follows a convolution in a sequence into its weights."""
    for child in module.children():
        fold(child)
    if not isinstance(module, nn.Sequential):
        return
    for index in range(len(module) - 1):
        first, second = module[index], module[index + 1]
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            module[index], module[index + 1] = fuse_conv_bn_eval(first, second), nn.Identity()


def _picture_too(_module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """What goes into the decoder, with the picture in the others' type and layout."""
    remembered, skips, image = given
    picture: Tensor = image.to(torch.half, memory_format=torch.channels_last)
    return remembered, skips, picture
