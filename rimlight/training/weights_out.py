"""The averaged weights as a file that rimlight.model.weights loads."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from rimlight.errors import TrainingError
from rimlight.training.checkpoint import State
from rimlight.training.plain import to_json
from rimlight.training.start import NONE, SHIPPED


def export(state: State, path: Path) -> Path:
    """Write the average of a state as safetensors in half precision, whole or not at all; returns path.

    A tensor that half precision cannot hold stays float32. Its metadata say which network it is for.
    Raises TrainingError if it cannot be written.
    """
    tensors = {name: _halved(tensor.detach().cpu()) for name, tensor in state.average.items()}
    notes = _notes(state)
    draft = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(save(tensors, metadata=notes))
        os.replace(draft, path)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror or error}; choose another file") from error
    return path


def _notes(state: State) -> dict[str, str]:
    """Which network the weights are for, and how they came about."""
    config = state.config
    begun = config.init if config.init in (NONE, SHIPPED) else "/".join(Path(config.init).parts[-2:])
    return {
        "model": to_json(config.studio or config.model), "recipe": config.name, "steps": str(state.position.total),
        "seconds": str(round(state.position.trained_s)), "init": begun,
    }  # fmt: skip


def _halved(tensor: Tensor) -> Tensor:
    half = tensor.to(torch.float16)
    return half.contiguous() if bool(torch.isfinite(half).all()) else tensor.contiguous()
