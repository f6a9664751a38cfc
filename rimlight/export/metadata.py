"""What an exported file says of itself, and whether it is for this network.

ONNX keeps it as metadata_props, OpenVINO as rt_info, a PyTorch program as one more file in its archive. What a file
does not say is not checked: the first one that shipped says nothing but its config.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rimlight import __version__, assets
from rimlight.errors import FrameError, WeightsError
from rimlight.export.form import Form
from rimlight.model.config import ModelConfig
from rimlight.types import Size

SIGNATURE = 1  # raised with every change of the names, order, shapes or meaning in rimlight.signature
PREFIX = "rimlight."


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known of an exported file; None where it does not say.

    config: of the model, as JSON. weights, weights_sha256: name and checksum of their file. signature: version of the
    call. opset: of ONNX. exporter: version of rimlight. size, batch: where they are fixed. precision: f32 or f16.
    """

    config: str | None = None
    weights: str | None = None
    weights_sha256: str | None = None
    signature: str | None = None
    opset: str | None = None
    exporter: str | None = None
    size: str | None = None
    batch: str | None = None
    precision: str | None = None

    @property
    def fixed_size(self) -> Size | None:
        return Size.parse(self.size) if self.size else None

    @property
    def fixed_batch(self) -> int | None:
        return int(self.batch) if self.batch else None

    def properties(self) -> dict[str, str]:
        """Names and values as they stand in a file."""
        return {PREFIX + name: value for name, value in asdict(self).items() if value is not None}


def metadata_of(form: Form, config: ModelConfig, weights: Path | None, opset: int | None = None) -> Metadata:
    """The metadata of a file about to be written; weights: a file, or None for the shipped ones."""
    path = weights or assets.asset(f"{assets.DEFAULT}.safetensors").path
    return Metadata(
        json.dumps(asdict(config)), path.stem, assets.checksum(path), str(SIGNATURE), _text(opset), __version__,
        _text(form.size), _text(form.frames), form.precision,
    )  # fmt: skip


def parsed(properties: Mapping[str, str], name: str) -> Metadata:
    """Metadata from what stands in the file of that name; raises WeightsError if size or batch make no sense."""
    known = {field: properties.get(PREFIX + field) for field in asdict(Metadata())}
    found = Metadata(**known)
    try:
        Form(found.fixed_size, found.fixed_batch)  # which looks at both
    except (ValueError, FrameError) as error:
        raise WeightsError(f"{name} has damaged metadata ({error}); export it again") from error
    return found


def verify(found: Metadata, name: str, config: ModelConfig | None = None) -> Metadata:
    """Return found if it is for this signature and config, or does not say; raise WeightsError otherwise."""
    if found.signature is not None and found.signature != str(SIGNATURE):
        raise WeightsError(
            f"{name} was made for version {found.signature} of the network's signature by rimlight "
            f"{found.exporter or '(unknown)'}, expected version {SIGNATURE}; export it again"
        )
    ours = json.loads(json.dumps(asdict(config or ModelConfig())))
    try:
        theirs = ours if found.config is None else json.loads(found.config)
    except ValueError as error:
        raise WeightsError(f"{name}: its note of the network is no JSON ({error}); export it again") from error
    if theirs != ours:
        raise WeightsError(f"{name} is for another network: expected {ours}, got {theirs}; export it again")
    return found


def write_onnx(model: Any, metadata: Metadata) -> None:
    """Put metadata into an ONNX model."""
    import onnx

    onnx.helper.set_model_props(model, metadata.properties())


def read_onnx(path: Path) -> Metadata:
    """Metadata of an ONNX file, verified; raises WeightsError if the file is none, or for another network."""
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf has exceptions of its own
        raise WeightsError(f"cannot read {path.name}: {error}; expected an exported ONNX file") from error
    return verify(parsed({entry.key: entry.value for entry in model.metadata_props}, path.name), path.name)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
