"""Which encoder a config asks for."""

from __future__ import annotations

from rimlight.model.config import EncoderName
from rimlight.model.mobilenet import MobileNetV3Large
from rimlight.model.resnet import ResNet50


def build_encoder(name: EncoderName) -> MobileNetV3Large | ResNet50:
    """The named encoder, with random weights; raises ValueError for another name."""
    encoders: dict[str, type[MobileNetV3Large] | type[ResNet50]] = {
        "mobilenet_v3_large": MobileNetV3Large,
        "resnet50": ResNet50,
    }
    if name not in encoders:
        raise ValueError(f"expected an encoder of {sorted(encoders)}, got {name!r}")
    return encoders[name]()
