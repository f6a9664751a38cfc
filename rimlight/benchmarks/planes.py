"""Pictures as planes by OpenCV, where its colours (BT.601) are good enough: peers' output, and frames to be timed."""

from __future__ import annotations

import cv2
import numpy as np

from rimlight.types import I420, UInt8Array


def planes_of(picture: UInt8Array) -> I420:
    """OpenCV's quick I420 (BT.601) of a picture (H, W, 3) whose sides are even."""
    height, width = picture.shape[:2]
    flat = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8).reshape(-1)
    quarter = height * width // 4
    y, u, v = np.split(flat, [4 * quarter, 5 * quarter])
    half = (height // 2, width // 2)
    return I420(y.reshape(height, width), u.reshape(half), v.reshape(half), bt709=False)
