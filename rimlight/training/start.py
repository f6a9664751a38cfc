"""What a network starts from: nothing, the shipped weights, or a file with as much of it as fits."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rimlight import assets
from rimlight.errors import WeightsError
from rimlight.model.network import MattingNetwork

NONE, SHIPPED = "none", "shipped"
LISTED = 3  # names shown in a message


def begin(network: MattingNetwork, init: str) -> str:
    """Fill a network in place and say in a few words from what.

    init: "none", "shipped", or the path of a safetensors file, a state dict saved by PyTorch, or a TorchScript archive.
    From a file of whole weights all tensors are taken whose name and shape fit; from any other the encoder, if it holds
    one of the same layout (torchvision's MobileNetV3-Large `features` or ResNet-50) under whatever prefix.
    Raises WeightsError if the file cannot be read, or if nothing of it fits.
    """
    if init == NONE:
        return "random weights"
    path = assets.asset(f"{assets.DEFAULT}.safetensors").path if init == SHIPPED else Path(init)
    found = read_tensors(path)
    wanted = {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    fitting = {name: found[name] for name, tensor in wanted.items() if _fits(found.get(name), tensor)}
    if not fitting:
        encoder = encoder_tensors(found, network.backbone.state_dict())
        fitting = {f"backbone.{name}": tensor for name, tensor in encoder.items()}
    if not fitting:
        raise WeightsError(
            f"nothing in {path.name} fits this network: it begins with {sorted(found)[:LISTED]}, "
            f"wanted are {sorted(wanted)[:LISTED]} or an encoder {network.config.encoder}"
        )
    network.load_state_dict({name: tensor.float() for name, tensor in fitting.items()}, strict=False)
    return f"{len(fitting)} of {len(wanted)} tensors from {path.name}"


def encoder_tensors(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of an encoder by wanted's names, or nothing if found does not hold all of one in their shapes.

    found may name them with any prefix, and without `features.`, as a torchvision segmentation model's backbone does.
    """
    names = {name: name.removeprefix("features.") for name, tensor in wanted.items() if tensor.is_floating_point()}
    first = next(iter(names.values()))
    prefixes = [name.removesuffix(first) for name in found if name == first or name.endswith(f".{first}")]
    for prefix in prefixes:
        if all(_fits(found.get(prefix + short), wanted[name]) for name, short in names.items()):
            return {name: found[prefix + short] for name, short in names.items()}
    return {}


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, a PyTorch state dict or a TorchScript archive, by name, on the processor.

    Nothing but tensors is unpickled. Raises WeightsError.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return _read_saved(path)
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"cannot read weights {path}: {reason}; expected .safetensors, .pt or .pth") from error


def _read_saved(path: Path) -> dict[str, Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TorchScript, whose archives PyTorch reads but no longer likes
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, pickle.UnpicklingError):
            found = torch.jit.load(path, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    for key in ("state_dict", "model"):  # trainers wrap it
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ValueError("it holds no table of tensors")
    return dict(found)


def _fits(tensor: Tensor | None, wanted: Tensor) -> bool:
    return tensor is not None and tensor.shape == wanted.shape
