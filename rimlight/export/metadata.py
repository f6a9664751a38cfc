"""What a file about to be written says of itself, and whether one that was read is for this network."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from rimlight import __version__, assets
from rimlight.errors import WeightsError
from rimlight.export.form import Form
from rimlight.graph.metadata import SIGNATURE, Metadata, check_signature, of_model
from rimlight.model.config import ModelConfig


def metadata_of(form: Form, config: ModelConfig, weights: Path | None, opset: int | None = None) -> Metadata:
    """The metadata of a file about to be written; weights: a file, or None for the shipped ones."""
    path = weights or assets.asset(f"{assets.DEFAULT}.safetensors").path
    return Metadata(
        json.dumps(asdict(config)), path.stem, assets.checksum(path), str(SIGNATURE), _text(opset), __version__,
        _text(form.size), _text(form.frames), form.precision,
    )  # fmt: skip


def verify(found: Metadata, name: str, config: ModelConfig | None = None) -> Metadata:
    """Return found if it is for this signature and config, or does not say; raise WeightsError otherwise."""
    check_signature(found, name)
    ours = json.loads(json.dumps(asdict(config or ModelConfig())))
    try:
        theirs = ours if found.config is None else json.loads(found.config)
    except ValueError as error:
        raise WeightsError(f"{name}: its note of the network is no JSON ({error}); export it again") from error
    if theirs != ours:
        raise WeightsError(f"{name} is for another network: expected {ours}, got {theirs}; export it again")
    return found


def read_onnx(path: Path) -> Metadata:
    """Metadata of an ONNX file, verified; raises WeightsError if the file is none, or for another network."""
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf has exceptions of its own
        raise WeightsError(f"cannot read {path.name}: {error}; expected an exported ONNX file") from error
    return verify(of_model(model, path.name), path.name)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
