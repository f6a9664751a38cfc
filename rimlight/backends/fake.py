"""A backend of numpy alone: deterministic, quick, with the same memory rule as the network; for tests and dry runs.

Its matte is an ellipse that breathes with the brightness of the last three frames, so that memory can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rimlight.backends.base import Backend, Memory
from rimlight.types import FloatArray


class FakeBackend(Backend):
    """State: mean brightness of the two frames before."""

    name = "fake"

    @property
    def device(self) -> str:
        return "numpy, no network: the matte is an ellipse"

    def empty_memory(self) -> Memory:
        return Memory((0.0, 0.0))

    def _call(
        self, images: FloatArray, state: Any, own: Sequence[float]
    ) -> tuple[FloatArray, FloatArray, Any]:  # fmt: skip
        height, width = self.size.height, self.size.width
        scale = np.zeros((len(images), 4, height, width), np.float32)
        offset = np.zeros_like(scale)
        scale[:, :3] = 1  # the foreground is the frame
        rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        columns = np.linspace(-1, 1, width, dtype=np.float32)[None]
        for t, image in enumerate(images):
            light = float(image.mean())
            before, last = (light, light) if own[t] else state
            radius = 0.4 + 0.2 * (light + last + before) / 3
            distance = np.hypot(columns, rows - 0.3) / radius
            offset[t, 3] = np.clip((1.05 - distance) * 10, 0, 1)
            state = (state[1], light)
        return scale, offset, state
