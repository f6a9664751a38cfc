"""Reading weights into a network, and checking that every one of them found its place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from rimlight import assets
from rimlight.errors import WeightsError
from rimlight.model.config import ModelConfig
from rimlight.model.network import MattingNetwork


def load_network(path: Path | None = None, config: ModelConfig | None = None) -> MattingNetwork:
    """A network in evaluation mode, float32, with the weights at path, or the shipped ones, whose checksum is verified.

    Raises WeightsError if the file is missing, damaged, or does not fit the config to the last tensor.
    """
    path = path or assets.asset(f"{assets.DEFAULT}.safetensors").path
    network = MattingNetwork(config)
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read weights {path.name}: {error}; expected a safetensors file") from error
    fill(network, tensors, path.name)
    return network.eval()


def fill(network: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    """Give a network its weights, from a file of that name; raises WeightsError unless they fit to the last tensor."""
    try:
        left = network.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise WeightsError(f"{name} does not fit this network: {str(error).splitlines()[-1].strip()}") from error
    missing = [key for key in left.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or left.unexpected_keys:
        raise WeightsError(
            f"{name} does not fit this network: {len(missing)} tensors missing {missing[:2]}, "
            f"{len(left.unexpected_keys)} unexpected {left.unexpected_keys[:2]}; is the config right?"
        )
