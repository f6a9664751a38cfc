"""MediaPipe selfie segmentation, both models: frame by frame, alpha only, small and fast."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rimlight.benchmarks.peers.base import AlphaAndForeground, Peer, full_alpha, resized
from rimlight.benchmarks.peers.fetch import Model, Package, member
from rimlight.errors import MissingExtraError
from rimlight.types import FloatArray, Size, UInt8Array

PACKAGE = Package("npm", "@mediapipe/selfie_segmentation", "0.1.1675465747")


class _SelfieSegmentation(Peer):
    """A TFLite model: the frame stretched to its input, values 0..1, its mask stretched back."""

    licence = "Apache-2.0"

    def prepare(self) -> Path:
        _require_runtime()
        return super().prepare()

    def _load(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        inputs = self._interpreter.get_input_details()[0]
        self._input = inputs["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._inner = Size(*(int(side) for side in inputs["shape"][1:3]))

    def _matte(self, image: UInt8Array) -> AlphaAndForeground:
        small: FloatArray = resized(image, self._inner) * np.float32(1 / 255)
        self._interpreter.set_tensor(self._input, small[np.newaxis])
        self._interpreter.invoke()
        return full_alpha(self._interpreter.get_tensor(self._output)[0, :, :, 0], Size(*image.shape[:2])), None


class MediaPipeLandscape(_SelfieSegmentation):
    """The model for wide pictures, 256x144: the one video calls use."""

    name = "mediapipe-landscape"
    model = Model(
        PACKAGE,
        "selfie_segmentation_landscape.tflite",
        "4aafe6223bb8dac6fac8ca8ed56852870a33051ef3f6238822d282a109962894",
        member("package/selfie_segmentation_landscape.tflite"),
    )


class MediaPipeGeneral(_SelfieSegmentation):
    """The general model, 256x256."""

    name = "mediapipe-general"
    model = Model(
        PACKAGE,
        "selfie_segmentation.tflite",
        "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27",
        member("package/selfie_segmentation.tflite"),
    )


def _require_runtime() -> None:
    try:
        import ai_edge_litert.interpreter  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("the MediaPipe peer", "ai-edge-litert", "bench") from error
