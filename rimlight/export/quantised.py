"""The network in 8 bits, calibrated on the shipped portrait or on a video of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rimlight.export.clips import clip, video_clip
from rimlight.graph.int8 import int8_graph
from rimlight.types import Size

SIZE = Size(288, 512)  # that ranges are taken at, where the network's is free
FRAMES = 24


def quantised(model: Any, size: Size | None = None, video: Path | None = None) -> Any:
    """An ONNX model in float32 with its decoder in 8 bits.

    size: that the model is fixed at. video: what its ranges come from. Raises SourceError if the video is none.
    """
    images, cuts = video_clip(video, size) if video else clip(FRAMES, size or SIZE)
    return int8_graph(model, images, cuts)
