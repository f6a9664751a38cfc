"""Weights files of networks that nobody trained, from a seed."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from rimlight.model.studio.config import StudioConfig, to_text
from rimlight.model.studio.matting import VideoMatting
from rimlight.model.studio.propagation import TrimapPropagation


def untrained(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Files of trimap propagation and of matting."""
    torch.manual_seed(seed)
    networks = {
        "propagation": TrimapPropagation(StudioConfig(job="propagation")),
        "matting": VideoMatting(StudioConfig(radius=1, fused=(16,))),
    }
    for name, network in networks.items():
        tensors = {key: tensor.contiguous() for key, tensor in network.state_dict().items()}
        save_file(tensors, folder / f"{name}.safetensors", {"model": to_text(network.config)})
    return folder / "propagation.safetensors", folder / "matting.safetensors"
