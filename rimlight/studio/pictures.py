"""From an image and its matte to the picture that a sink takes. Letters: H, W size of the picture."""

from __future__ import annotations

import cv2
import numpy as np

from rimlight.compose import Backing
from rimlight.pixels import to_i420, to_rgb
from rimlight.realtime.backdrops import Backdrop, Scene
from rimlight.realtime.matted import Matted
from rimlight.realtime.sinks.base import PixelFormat
from rimlight.signature import internal_size
from rimlight.studio.foreground import foreground_of
from rimlight.types import I420, Coefficients, FloatArray, Frame, Pixels, Size, UInt8Array

SOFT_SIDE = 512  # long side at which a blur is reckoned


class Finisher:
    """Puts the person before a backdrop, or hands on foreground with straight alpha where it is transparent."""

    def __init__(self, backdrop: Backdrop, wants: PixelFormat, *, decontaminate: bool = True) -> None:
        self._backdrop, self._wants, self._decontaminate = backdrop, wants, decontaminate

    def __call__(self, image: UInt8Array, alpha: FloatArray, pts_s: float) -> Pixels:
        """image (H, W, 3) RGB, alpha (H, W) 0..1."""
        front = foreground_of(image, alpha) if self._decontaminate else image
        if self._wants == "rgba":
            return np.dstack([front, np.round(alpha * 255).astype(np.uint8)])
        composite = _over(front, alpha, _sharp(self._backdrop.backing(_scene(image, alpha, pts_s)), alpha))
        return to_i420(composite) if self._wants == "i420" else composite


def _scene(image: UInt8Array, alpha: FloatArray, pts_s: float) -> Scene:
    """What a backdrop may look at; its coefficients say the matte itself, whatever the picture."""
    full = Size(*alpha.shape)
    small = internal_size(full, SOFT_SIDE)
    to = (small.width, small.height)
    pixels = cv2.resize(image, to, interpolation=cv2.INTER_AREA).transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    scale = np.zeros((4, small.height, small.width), np.float32)
    offset = np.zeros_like(scale)
    offset[3] = cv2.resize(alpha, to, interpolation=cv2.INTER_AREA)
    seen = Matted(Frame(image, pts_s, 0.0), np.ascontiguousarray(pixels), Coefficients(scale, offset))
    return Scene(pts_s, full, seen)


def _sharp(backing: Backing, alpha: FloatArray) -> UInt8Array:
    """(H, W, 3) uint8 of any backing; black where there is none."""
    if backing is None:
        return np.zeros((*alpha.shape, 3), np.uint8)
    if isinstance(backing, I420) or backing.dtype == np.uint8:
        return to_rgb(backing)  # type: ignore[arg-type]
    height, width = alpha.shape
    stretched = cv2.resize(backing.transpose(1, 2, 0), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.round(stretched * 255).clip(0, 255).astype(np.uint8)


def _over(front: UInt8Array, alpha: FloatArray, behind: UInt8Array) -> UInt8Array:
    return np.round(cv2.blendLinear(
        front.astype(np.float32), behind.astype(np.float32), np.ascontiguousarray(alpha), 1 - alpha
    )).astype(np.uint8)  # fmt: skip
