"""From weights to everything that ships with them: half precision, ONNX, last layers, manifest and golden file."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from rimlight import assets
from rimlight.errors import WeightsError
from rimlight.export.golden import write_golden
from rimlight.export.to_onnx import export_onnx, export_tail
from rimlight.model.config import ModelConfig
from rimlight.model.weights import load_network

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LICENCE = "Apache-2.0"


def release(
    name: str, weights: Path | None = None, folder: Path = assets.FOLDER, golden: Path | None = None,
    replace: bool = False,
) -> list[Path]:  # fmt: skip
    """Write all files of the weights `name` and their checksums; returns their paths.

    weights: a file in any precision; without it the files of the shipped ones of that name are made anew; the same
    software gives the same bytes, an older file without metadata gains them. folder: of the files and manifest.json.
    golden: folder of golden-NAME.npz, none without. replace: a name that is taken may get other weights.
    Raises WeightsError before anything is written if the weights do not fit the network or give no numbers, and if the
    name is taken.
    """
    if not NAME.fullmatch(name):
        raise WeightsError(f"expected a name such as attention-memory-v1, got {name!r}")
    data = halved(weights or assets.asset(f"{name}.safetensors").path)
    kept = folder / f"{name}.safetensors"
    if kept.exists() and kept.read_bytes() != data and not replace:
        raise WeightsError(f"{kept.name} ships with other weights; choose another name, or replace them on purpose")
    with TemporaryDirectory() as aside:
        made = _make(name, data, Path(aside))
        places = {path: (folder if about else golden) for path, about in made.items()}
        written = [_put(path.read_bytes(), place / path.name) for path, place in places.items() if place]
    for path, about in made.items():
        if about:
            assets.record(path.name, folder, license=LICENCE, about=about)
    return [*written, folder / assets.MANIFEST.name]


def halved(path: Path) -> bytes:
    """The weights at path as a safetensors file in half precision: the very file where it is so already.

    A tensor that half precision cannot hold stays as it is; counters of batches are left out. Raises WeightsError if
    the file cannot be read, or is not for the network that ships.
    """
    try:
        data = path.read_bytes()
        with safe_open(path, "pt") as file:
            notes: dict[str, str] = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read weights {path.name}: {error}; expected a safetensors file") from error
    _check_model(notes.get("model"), path.name)
    load_network(path)
    tensors = load(data)
    small = {name: _half(tensor) for name, tensor in tensors.items() if tensor.is_floating_point()}
    if all(name in small and small[name].dtype == tensor.dtype for name, tensor in tensors.items()):
        return data
    return save(small, metadata=notes)


def _check_model(text: str | None, name: str) -> None:
    """The config that training notes in a file; files without one are judged by their tensors alone."""
    ours = json.loads(json.dumps(asdict(ModelConfig())))
    try:
        theirs = ours if text is None else json.loads(text)
    except ValueError as error:
        raise WeightsError(f"{name}: its note of the network is no JSON ({error}); export it again") from error
    if theirs != ours:
        raise WeightsError(f"{name} is for another network than ships: expected {ours}, got {theirs}")


def _half(tensor: Tensor) -> Tensor:
    half = tensor.to(torch.float16)
    return half if bool(torch.isfinite(half).all()) else tensor


def _make(name: str, data: bytes, folder: Path) -> dict[Path, str]:
    """All files in a folder, with what the manifest says of those that it lists."""
    weights = folder / f"{name}.safetensors"
    graph, tail, golden = folder / f"{name}.onnx", folder / f"{name}-tail.npz", folder / f"golden-{name}.npz"
    weights.write_bytes(data)
    write_golden(golden, weights)  # first, for it finds weights that give no numbers
    export_onnx(graph, weights)
    export_tail(tail, weights)
    return {
        weights: "weights, float16",
        graph: f"the network, made from {weights.name}",
        tail: f"its last layers, made from {weights.name}",
        golden: "",
    }


def _put(data: bytes, path: Path) -> Path:
    """Write a file whole, or leave it where it is that already: a running rimlight may be about to open it."""
    if not path.exists() or path.read_bytes() != data:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part")
        draft.write_bytes(data)
        os.replace(draft, path)
    return path
