"""Reading the studio's weights: files that say themselves which network they are for."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from rimlight import assets
from rimlight.errors import ConfigError, WeightsError
from rimlight.model.studio.config import Job, StudioConfig, from_text
from rimlight.model.studio.matting import VideoMatting
from rimlight.model.studio.propagation import TrimapPropagation
from rimlight.model.weights import fill

Network = TypeVar("Network", bound=nn.Module)
KEY = "model"  # of the metadata
ASSETS: dict[Job, str] = {
    "propagation": "studio-propagation-mobilenet-preview.safetensors",
    "matting": "studio-matting-mobilenet-preview.safetensors",
}


def load_propagation(path: Path | None = None) -> TrimapPropagation:
    """The trimap network with the weights at path, or the shipped ones, in evaluation mode, float32.

    Raises WeightsError if none ship, or the file is missing, damaged, or of another network.
    """
    config, tensors = _read("propagation", path)
    return _filled(TrimapPropagation(config), tensors, path)


def load_matting(path: Path | None = None) -> VideoMatting:
    """The matting network with the weights at path, or the shipped ones, in evaluation mode, float32.

    Raises WeightsError if none ship, or the file is missing, damaged, or of another network.
    """
    config, tensors = _read("matting", path)
    return _filled(VideoMatting(config), tensors, path)


def notes_of(path: Path) -> dict[str, str]:
    """What a weights file says of itself: model, recipe, steps, seconds; raises WeightsError if it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read weights {path.name}: {error}; expected a safetensors file") from error


def ships(job: Job) -> bool:
    """Whether weights of that network ship with this version."""
    return (assets.FOLDER / ASSETS[job]).exists()


def _read(job: Job, path: Path | None) -> tuple[StudioConfig, dict[str, Tensor]]:
    if path is None:
        if not ships(job):
            raise WeightsError(
                f"no weights of the studio's {job} network ship with this version; train them with "
                f"rimlight train --recipe studio-{job}, or name a file"
            )
        path = assets.asset(ASSETS[job]).path
    notes = notes_of(path)
    try:
        tensors = {name: one.float() for name, one in load_file(path).items()}
        config = from_text(notes.get(KEY, ""))
    except ConfigError as error:
        raise WeightsError(f"{path.name} does not say which studio network it is for: {error}") from error
    if config.job != job:
        raise WeightsError(f"{path.name} is of the studio's {config.job} network, expected weights of {job}")
    return config, tensors


def _filled(network: Network, tensors: dict[str, Tensor], path: Path | None) -> Network:
    fill(network, tensors, path.name if path else "the shipped file")
    return network.eval()
