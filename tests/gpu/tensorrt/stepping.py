"""Backends stepped through pictures, and whether they say the same.

Letters: T frames, h, w internal size.
"""

from __future__ import annotations

import numpy as np

from rimlight.backends import Backend
from rimlight.types import Coefficients, FloatArray, Size

SIZE = Size(64, 96)


def pictures(count: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).random((count, 3, SIZE.height, SIZE.width), np.float32)


def copied(coefficients: Coefficients) -> Coefficients:
    return Coefficients(coefficients.scale.copy(), coefficients.offset.copy())


def same(one: Coefficients, other: Coefficients) -> bool:
    return np.array_equal(one.scale, other.scale) and np.array_equal(one.offset, other.offset)


def stepped(backend: Backend, images: FloatArray, cuts: list[bool] | None = None) -> list[Coefficients]:
    memory, found = backend.empty_memory(), []
    for t, image in enumerate(images):
        (coefficients,), memory = backend.clip(image[None], memory, [bool(cuts and cuts[t])])
        found.append(copied(coefficients))
    return found
