"""What an exported file says of itself: read and written without knowing the network.

ONNX keeps it as metadata_props, OpenVINO as rt_info, a PyTorch program as one more file in its archive, an engine file
in its header. What a file does not say is not checked: the first one that shipped says nothing but its config.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rimlight.errors import FrameError, WeightsError
from rimlight.graph.streams import Streams
from rimlight.signature import check_internal
from rimlight.types import Size

SIGNATURE = 1  # raised with every change of the names, order, shapes or meaning in rimlight.signature
PREFIX = "rimlight."


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known of an exported file; None where it does not say.

    config: of the model, as JSON. weights, weights_sha256: name and checksum of their file. signature: version of the
    call. opset: of ONNX. exporter: version of rimlight. size, batch: where they are fixed. precision: f32, f16 or int8.
    streams: of a call, as Streams reads it, where it is known.
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
    streams: str | None = None

    @property
    def fixed_size(self) -> Size | None:
        return Size.parse(self.size) if self.size else None

    @property
    def fixed_batch(self) -> int | None:
        return int(self.batch) if self.batch else None

    def properties(self) -> dict[str, str]:
        """Names and values as they stand in a file."""
        return {PREFIX + name: value for name, value in asdict(self).items() if value is not None}


def parsed(properties: Mapping[str, str], name: str) -> Metadata:
    """Metadata from what stands in the file of that name; raises WeightsError if size or counts make no sense."""
    found = Metadata(**{field: properties.get(PREFIX + field) for field in asdict(Metadata())})
    try:
        if found.fixed_size is not None:
            check_internal(found.fixed_size)
        Streams.parse(found.streams or "1")
        sensible = found.fixed_batch is None or found.fixed_batch > 0
    except (ValueError, FrameError) as error:
        raise WeightsError(f"{name} has damaged metadata ({error}); export it again") from error
    if not sensible:
        raise WeightsError(f"{name} has damaged metadata ({found.batch} frames per call); export it again")
    return found


def check_signature(found: Metadata, name: str) -> Metadata:
    """Return found if it is for this signature or does not say; raise WeightsError otherwise."""
    if found.signature is not None and found.signature != str(SIGNATURE):
        raise WeightsError(
            f"{name} was made for version {found.signature} of the network's signature by rimlight "
            f"{found.exporter or '(unknown)'}, expected version {SIGNATURE}; export it again"
        )
    return found


def of_model(model: Any, name: str) -> Metadata:
    """Metadata of an ONNX model that was read from the file of that name; raises WeightsError as parsed does."""
    return parsed({entry.key: entry.value for entry in model.metadata_props}, name)


def write_onnx(model: Any, metadata: Metadata) -> None:
    """Put metadata into an ONNX model."""
    import onnx

    onnx.helper.set_model_props(model, metadata.properties())
