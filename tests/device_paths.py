"""Every kind of device path for tests; and one without a device: the host's own parts, with faults on demand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from rimlight.backends.base import Backend
from rimlight.backends.device_path import DeviceBehind, DevicePath, SceneBlur
from rimlight.backends.fake import FakeBackend
from rimlight.compose import Compositor, EdgeOptions, adjust_edges, blurred, low_alpha
from rimlight.gpu.layout import Form, pack, room_bytes, status_offset
from rimlight.pixels import Shrinker
from rimlight.realtime.session import Settings, empty_pixels
from rimlight.types import I420, Coefficients, FloatArray, Pixels, Size, UInt8Array

LONG_SIDE = 80  # at which the host's path sees frames
PLAIN = EdgeOptions()


@dataclass(slots=True)
class Place:
    """What a device keeps of a frame."""

    number: int
    pixels: Pixels
    small: FloatArray
    coefficients: Coefficients


class HostPath(DevicePath):
    """misbehave: asked at every frame; "nan", "stale", "nothing" (the network wrote nothing), "error" or "hang".

    uploads and downloads: sizes in bytes of all that went up and came down.
    """

    name = "double"

    def __init__(
        self, full: Size, small: Size, backend: Backend | None = None, misbehave: Callable[[], str] = str, **_: Any
    ) -> None:  # fmt: skip
        super().__init__(full, small)
        self._backend = backend or FakeBackend(small)
        self._state = self._backend.empty_memory().state
        self._shrink, self._compositor = Shrinker(full, small), Compositor(full, small)
        self._places: list[Place | None] = [None] * self.RING
        self._room: UInt8Array = np.zeros(0, np.uint8)
        self._held: UInt8Array | FloatArray | None = None
        self._misbehave = misbehave
        self.uploads: list[int] = []
        self.downloads: list[int] = []
        self.freed = 0

    @property
    def device(self) -> str:
        return f"a double of a device: {self._backend.device}"

    def _matte(self, place: int, number: int, pixels: Pixels, own: float) -> None:
        fault = self._misbehave()
        self.uploads.append(_bytes(pixels))
        small = self._shrink(pixels).copy()
        scale, offset, self._state = self._backend._call(small[None], self._state, [own])
        if fault == "stale":
            return
        if fault == "error":
            raise RuntimeError("a driver's own error")
        if fault == "hang":
            time.sleep(0.3)
        found = Coefficients(scale[0].copy(), offset[0].copy())
        if fault == "nan":
            found.offset[3, 5, 5] = np.nan
        if fault == "nothing":
            found.scale[:], found.offset[:] = np.nan, np.nan
        self._places[place] = Place(number, _copied(pixels), small, found)

    def _paint(self, place: int, behind: DeviceBehind, fresh: bool, edges: EdgeOptions, form: Form) -> None:
        held = self._places[place]
        self._room = np.full(room_bytes(self.full, form), 0xAA, np.uint8)
        not_finite = 0
        if held is not None:
            out = empty_pixels(self.full, form)
            coefficients = adjust_edges(held.coefficients, held.small, self.full, edges)
            backing = self._backing(held, behind, fresh)
            self._compositor.compose(held.pixels, coefficients, backing, out, decontaminate=edges.decontaminate)
            pack(out, self._room)
            values = (held.coefficients.scale, held.coefficients.offset)
            not_finite = sum(int((~np.isfinite(value)).sum()) for value in values)
        words = np.array([held.number if held else 0, not_finite], "<u4")
        self._room[status_offset(self.full, form) :] = words.view(np.uint8)

    def _backing(self, held: Place, behind: DeviceBehind, fresh: bool) -> UInt8Array | FloatArray | None:
        if isinstance(behind, SceneBlur):
            return blurred(held.small, low_alpha(held.coefficients, held.small), behind.strength)
        if behind is None:
            return None
        if fresh:
            self._held = behind.copy()
            self.uploads.append(behind.nbytes)
        return self._held

    def _downloaded(self, form: Form) -> UInt8Array:
        assert len(self._room) == room_bytes(self.full, form)
        self.downloads.append(len(self._room))
        return self._room

    def _look(self, place: int) -> tuple[FloatArray, Coefficients]:
        held = self._places[place]
        assert held is not None
        self.downloads += [held.small.nbytes, held.coefficients.scale.nbytes, held.coefficients.offset.nbytes]
        return held.small.copy(), held.coefficients

    def _mark(self) -> float:
        return time.perf_counter()

    def _elapsed_ms(self, begin: float, end: float) -> float:
        return (end - begin) * 1e3

    def _close(self) -> None:
        self.freed += 1


@dataclass(frozen=True, slots=True)
class Kind:
    """How a path is opened, the backend that says the same on the host, and how far apart they may be.

    levels: grey levels of a picture; coefficients: of what the network says.
    """

    open: Callable[[Size, Size], DevicePath]
    backend: str
    levels: int = 2
    coefficients: float = 2e-4

    def host(self, backdrop: str = "black", edges: EdgeOptions = PLAIN) -> Settings:
        return Settings(self.backend, backdrop, edges, long_side=LONG_SIDE, threads=1)


def open_torch(full: Size, small: Size) -> DevicePath:
    if find_spec("torch") is None:
        pytest.skip("the torch extra is not installed")
    from rimlight.backends.torch_path import TorchPath

    return TorchPath(full, small, device="cpu", threads=1)


def open_tensorrt(full: Size, small: Size) -> DevicePath:
    from rimlight.backends.tensorrt_path import TensorRtPath

    return TensorRtPath(full, small, precision="f32")


KINDS = {
    "double": Kind(HostPath, "fake", 0, 0.0),
    "torch": Kind(open_torch, "torch"),
    "tensorrt": Kind(open_tensorrt, "onnx", coefficients=1e-3),
}


def _bytes(pixels: Pixels) -> int:
    if isinstance(pixels, I420):
        return sum(plane.size for plane in (pixels.y, pixels.u, pixels.v))
    return pixels.size


def _copied(pixels: Pixels) -> Pixels:
    if isinstance(pixels, I420):
        return replace(pixels, y=pixels.y.copy(), u=pixels.u.copy(), v=pixels.v.copy())
    return pixels.copy()
