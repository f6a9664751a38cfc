"""Where the live network contradicts a trimap that was carried over: there nothing is known.

What a trimap calls known the matting network cannot put right, so a wrong one is worse than none. The live network sees
people without any mark, and errs in other places than propagation. Letters: H, W size of the video.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from rimlight.studio.trimaps import BACKDROP, FOREGROUND, UNKNOWN
from rimlight.types import FloatArray, UInt8Array

Mask = npt.NDArray[np.bool_]

CONTRARY = 0.1  # alpha beyond 0 or 1 from which a known class is contradicted
CORRECTED = 0.03  # of the long side, by which the surroundings of a correction reach
MISSED = 0.5  # share of a mark's foreground whose absence says that the live network does not see what is wanted


def corrected(mark: UInt8Array, alpha: FloatArray) -> Mask:
    """(H, W) where a mark (H, W) puts the live network's alpha (H, W) right, and so holds in other frames too.

    Everywhere if the network sees less than half of what is marked: it knows people alone.
    """
    person = mark == FOREGROUND
    if person.any() and (alpha[person] < 0.5).mean() > MISSED:
        return np.ones(mark.shape, bool)
    wrong = _contradicted(mark, alpha)
    if not wrong.any():
        return wrong
    away = cv2.distanceTransform((~wrong).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= CORRECTED * max(mark.shape))


def doubted(carried: UInt8Array, alpha: FloatArray, holds: Mask) -> UInt8Array:
    """(H, W) trimap that was carried to a frame, unknown where the live network's alpha (H, W) contradicts it, but not
    where the mark holds (H, W).
    """
    return np.where(_contradicted(carried, alpha) & ~holds, np.uint8(UNKNOWN), carried)


def _contradicted(trimap: UInt8Array, alpha: FloatArray) -> Mask:
    backdrop, person = (trimap == BACKDROP) & (alpha > CONTRARY), (trimap == FOREGROUND) & (alpha < 1 - CONTRARY)
    return np.asarray(backdrop | person)
