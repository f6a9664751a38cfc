"""Many independent live streams at one internal size: what a service has where a single camera has a Backend.

Letters: B streams of a call, h, w internal size.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from rimlight.backends import chosen, open_backend
from rimlight.backends.base import Backend, Memory
from rimlight.errors import FrameError
from rimlight.signature import SLOTS, check_internal, own_frames
from rimlight.types import Coefficients, FloatArray, Size

# name: (module, class); every other backend is served by OneByOne
STREAMS = {
    "openvino": ("streams_openvino", "OpenVinoStreams"),
    "onnx": ("streams_onnx", "OnnxStreams"),
    "torch": ("streams_torch", "TorchStreams"),
    "tensorrt": ("streams_tensorrt", "TensorRtStreams"),
}


class Streams(ABC):
    """One network at one internal size for many independent streams; each has a slot that holds its memory.

    name: of the backend. slots: how many streams have room, numbered from 0. together: most streams of one call.
    Coefficients of a call stay valid until RING calls later; whoever keeps them longer copies them. One call at a
    time: whoever has several threads takes turns.
    """

    name: str
    RING = 4

    def __init__(self, size: Size, slots: int, together: int = 4) -> None:
        check_internal(size)
        if slots < 1 or together < 1:
            raise FrameError(f"expected at least 1 slot and 1 stream in a call, got {slots} and {together}")
        self.size = size
        self.slots = slots
        self.together = min(together, slots)
        self._ages = [0] * slots  # frames since the cut that a slot's memory has seen, 2 when full

    @property
    @abstractmethod
    def device(self) -> str:
        """Runtime, processor and precision that really run, as one phrase."""

    @abstractmethod
    def _call(self, images: FloatArray, slots: Sequence[int], own: Sequence[float]) -> list[Coefficients]:
        """Coefficients of checked pictures (B, 3, h, w); reads and writes the memory of these slots."""

    def step(self, images: FloatArray, slots: Sequence[int], cuts: Sequence[bool]) -> list[Coefficients]:
        """Coefficients of the next frame of B different streams, in their order.

        images (B, 3, h, w) float32 RGB 0..1, B at most `together`; slots: whose frames they are; cuts: whether each
        does not continue the one before. Raises FrameError for another shape or slots that are not there or twice,
        BackendError when the runtime fails; the streams of a call that failed begin anew, as after `forget`.
        """
        self._check(images, slots, cuts)
        rules = [own_frames(self._ages[slot], [cut]) for slot, cut in zip(slots, cuts, strict=True)]
        for slot in slots:
            self._ages[slot] = 0  # stays so if the call fails: who knows what is in their memory then
        found = self._call(images, slots, [own[0] for own, _ in rules])
        for slot, (_, age) in zip(slots, rules, strict=True):
            self._ages[slot] = age
        return found

    def forget(self, slot: int) -> None:
        """Give the slot to another stream: its next frame counts as a cut. Raises FrameError for an unknown slot."""
        self._check_slot(slot)
        self._ages[slot] = 0

    def close(self) -> None:  # noqa: B027 - most have nothing to free by hand
        """Free what the runtime holds; closed streams are not used again."""

    def _check(self, images: FloatArray, slots: Sequence[int], cuts: Sequence[bool]) -> None:
        wanted = (3, self.size.height, self.size.width)
        if images.dtype != np.float32 or images.ndim != 4 or images.shape[1:] != wanted:
            raise FrameError(f"expected float32 pictures of shape {wanted}, got {images.dtype} {images.shape}")
        count = len(images)
        if not 1 <= count <= self.together:
            raise FrameError(f"expected 1 to {self.together} pictures in a call, got {count}; make several calls")
        if len(slots) != count or len(cuts) != count:
            raise FrameError(f"expected a slot and a cut for {count} pictures, got {len(slots)} and {len(cuts)}")
        for slot in slots:
            self._check_slot(slot)
        if len(set(slots)) != count:
            raise FrameError(f"expected different slots, got {list(slots)}; one call takes one frame of a stream")

    def _check_slot(self, slot: int) -> None:
        if not 0 <= slot < self.slots:
            raise FrameError(f"expected a slot of 0 to {self.slots - 1}, got {slot}")


class OneByOne(Streams):
    """Serves any backend: one of its own for every slot, opened when the slot is first used."""

    def __init__(self, backend: str, size: Size, slots: int, together: int = 4, **options: Any) -> None:
        super().__init__(size, slots, together)
        self.name = backend
        self._options = options
        self._backends: list[Backend | None] = [None] * slots
        self._states: list[Any] = [None] * slots
        self._first = self._backend(0)

    @property
    def device(self) -> str:
        return self._first.device

    def close(self) -> None:
        for backend in self._backends:
            if backend is not None:
                backend.close()

    def _call(self, images: FloatArray, slots: Sequence[int], own: Sequence[float]) -> list[Coefficients]:
        found = []
        for image, slot, reads_own in zip(images, slots, own, strict=True):
            backend = self._backend(slot)
            memory = Memory(self._states[slot], 0 if reads_own else SLOTS)  # an age that says the same as `own`
            coefficients, memory = backend.step(image, memory)
            self._states[slot] = memory.state
            found.append(coefficients)
        return found

    def _backend(self, slot: int) -> Backend:
        backend = self._backends[slot]
        if backend is None:
            backend = self._backends[slot] = open_backend(self.name, self.size, **self._options)
            self._states[slot] = backend.empty_memory().state
        return backend


class Grouped(Streams):
    """Streams whose network runs on groups of a few fixed numbers: 3 streams are a group of 2 and one of 1."""

    def __init__(self, size: Size, slots: int, together: int = 4) -> None:
        super().__init__(size, slots, together)
        outputs = (self.RING, self.together, 4, size.height, size.width)
        self._scale, self._offset = np.zeros(outputs, np.float32), np.zeros(outputs, np.float32)
        self._place = 0

    @property
    @abstractmethod
    def groups(self) -> tuple[int, ...]:
        """Numbers of streams that the network runs on, the largest first and 1 among them."""

    @abstractmethod
    def _run(
        self, images: FloatArray, slots: Sequence[int], own: Sequence[float], scale: FloatArray, offset: FloatArray
    ) -> None:  # fmt: skip
        """One group: images (B, 3, h, w) to scale and offset (B, 4, h, w), with the memory of these slots."""

    def _call(self, images: FloatArray, slots: Sequence[int], own: Sequence[float]) -> list[Coefficients]:
        scale, offset = self._scale[self._place], self._offset[self._place]
        self._place = (self._place + 1) % self.RING
        first = 0
        while first < len(slots):
            count = next(size for size in self.groups if size <= len(slots) - first)
            part = slice(first, first + count)
            self._run(images[part], slots[part], own[part], scale[part], offset[part])
            first += count
        return [Coefficients(scale[b], offset[b]) for b in range(len(slots))]


def powers_of_two(most: int) -> tuple[int, ...]:
    """1, 2, 4 and so on up to most, the largest first."""
    return tuple(1 << power for power in reversed(range(most.bit_length())))


def open_streams(name: str, size: Size, slots: int, together: int = 4, **options: Any) -> Streams:
    """Open the network at an internal size for that many streams; name, "auto" and options as in open_backend.

    Raises FrameError for a size off the grid or no slots, BackendError for an unknown name or an absent device,
    MissingExtraError when its runtime is not installed.
    """
    name = chosen(name)
    if name not in STREAMS:
        return OneByOne(name, size, slots, together, **options)
    module, class_name = STREAMS[name]
    streams: type[Streams] = getattr(importlib.import_module(f"rimlight.backends.{module}"), class_name)
    return streams(size, slots, together, **options)
