"""What is derived from the true sequence alone: its motion, its trimaps, and where it is neither 0 nor 1."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from rimlight.types import FloatArray, UInt8Array, check_image

TRANSITION_REACH = 0.01  # of the long side: 5 pixels at 512x288, 19 at 1920x1080
UNKNOWN_REACH = 0.02  # of the long side: 10 pixels at 512x288, 38 at 1920x1080
BACKDROP, UNKNOWN, FOREGROUND = 0, 128, 255  # levels of a trimap


def transition_region(truth: FloatArray, reach: float = TRANSITION_REACH) -> npt.NDArray[np.bool_]:
    """Where 0 < g < 1, dilated by a disc of radius reach times the long side, at least 1 pixel.

    truth (H, W) float32, 0..1; returns (H, W) bool. Stands in for the unknown region of a trimap, which Sun et al. 2021
    dilate by random amounts: a fixed fraction of the picture keeps the figure repeatable and the same at every size.
    """
    radius = max(1, round(reach * max(truth.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    mixed = ((truth > 0) & (truth < 1)).astype(np.uint8)
    return np.asarray(cv2.dilate(mixed, disc, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0)


def true_trimap(truth: FloatArray, reach: float = UNKNOWN_REACH) -> UInt8Array:
    """Trimap (H, W) uint8 of 0, 128 and 255 that an exact and patient hand would draw.

    truth (H, W) float32, 0..1. The backdrop is eroded by a disc of radius reach times the long side, and so is the
    foreground; what remains is unknown. Sun et al. 2021 draw the radius by chance; a fixed one makes figures that come
    back the same.
    """
    radius = max(1, round(reach * max(truth.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    trimap = np.full(truth.shape, UNKNOWN, np.uint8)
    for level, sure in ((BACKDROP, truth <= 0), (FOREGROUND, truth >= 1)):
        kept = cv2.erode(sure.astype(np.uint8), disc, borderType=cv2.BORDER_CONSTANT, borderValue=1)
        trimap[kept > 0] = level
    return trimap


def motion_vectors(before: UInt8Array, after: UInt8Array) -> FloatArray:
    """Motion (H, W, 2) in pixels, x then y, that takes each pixel of before to its place in after.

    before, after (H, W, 3) uint8 RGB, both of the true sequence. Dense inverse search (Kroeger et al. 2016), OpenCV's
    medium preset. Raises FrameError if a picture is not uint8 (H, W, 3).
    """
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(check_image(image), cv2.COLOR_RGB2GRAY) for image in (before, after)]
    return np.asarray(flow.calc(grey[0], grey[1], np.zeros((*grey[0].shape, 2), np.float32)), np.float32)
