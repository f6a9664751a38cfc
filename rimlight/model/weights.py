"""Reading weights into a network, and checking that every one of them found its place."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

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
    _load(network, tensors, path.name)
    return network.eval()


def _load(network: MattingNetwork, tensors: dict[str, torch.Tensor], name: str) -> None:
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
