"""What every backend is, and what they share: the rule of cuts, chunks of frames, checks at the border.

Letters: T frames of a call, h, w internal size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rimlight.errors import FrameError
from rimlight.signature import CallShape, own_frames
from rimlight.types import Coefficients, FloatArray, Size


@dataclass(frozen=True, slots=True)
class Memory:
    """Opaque to everyone but the backend that made it.

    state: whatever the backend keeps (arrays, device buffers, the index of a slot); age: frames since the cut, 2
    when full. A memory may be used once: backends that flip between two buffers write the next one over the one
    before.
    """

    state: Any
    age: int = 0


class Backend(ABC):
    """One network opened at one internal size.

    name: as in the registry. device: what really runs, for people. batch: frames that one call of `clip` takes best.
    Coefficients of a call stay valid until RING calls later; whoever keeps them longer copies them.
    """

    name: str
    RING = 4

    def __init__(self, size: Size, batch: int = 1) -> None:
        if batch < 1:
            raise FrameError(f"expected a batch of at least 1 frame, got {batch}")
        self.shape = CallShape(size, frames=batch)
        self.size = size
        self.batch = batch

    @property
    @abstractmethod
    def device(self) -> str:
        """Runtime, processor and precision that really run, as one phrase."""

    @abstractmethod
    def empty_memory(self) -> Memory:
        """The memory before the first frame and after a cut."""

    @abstractmethod
    def _call(
        self, images: FloatArray, state: Any, own: Sequence[float]
    ) -> tuple[FloatArray, FloatArray, Any]:  # fmt: skip
        """Scale, offset (T, 4, h, w) and the next state; images (T, 3, h, w) with T either 1 or `batch`."""

    def step(self, image: FloatArray, memory: Memory) -> tuple[Coefficients, Memory]:
        """Coefficients of one frame (3, h, w) float32 RGB 0..1, and the memory for the next.

        Raises FrameError for another shape, BackendError when the runtime fails.
        """
        (coefficients,), memory = self.clip(image[None], memory)
        return coefficients, memory

    def clip(
        self, images: FloatArray, memory: Memory | None = None, cuts: Sequence[bool] | None = None
    ) -> tuple[list[Coefficients], Memory]:  # fmt: skip
        """Coefficients of T consecutive frames (T, 3, h, w), as many steps would give; cuts may lie anywhere in them.

        Frames are taken `batch` at a time, the rest one by one. Copies are made where T spans more calls than
        RING keeps.
        """
        self._check(images)
        memory = memory or self.empty_memory()
        cuts = cuts or [False] * len(images)
        own, age = own_frames(memory.age, cuts)
        state, found, first = memory.state, [], 0
        many = sum(divmod(len(images), self.batch)) > self.RING
        while first < len(images):
            count = self.batch if len(images) - first >= self.batch else 1
            part = slice(first, first + count)
            scale, offset, state = self._call(images[part], state, own[part])
            if many:
                scale, offset = scale.copy(), offset.copy()
            found += [Coefficients(scale[t], offset[t]) for t in range(count)]
            first += count
        return found, Memory(state, age)

    def close(self) -> None:  # noqa: B027 - most have nothing to free by hand
        """Free what the runtime holds; a closed backend is not used again."""

    def _check(self, images: FloatArray) -> None:
        wanted = (3, self.size.height, self.size.width)
        if images.dtype != np.float32 or images.shape[1:] != wanted:
            raise FrameError(f"expected float32 pictures of shape {wanted}, got {images.dtype} {images.shape}")
