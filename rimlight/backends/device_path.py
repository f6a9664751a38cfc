"""Frames of one size to finished pictures, all on one device: a uint8 frame goes up and a uint8 picture comes down.

What a kind of device does is in its own file; here are the rules that hold for all of them: which frames are still
there, which of them read their own keys, and that nothing is shown that was not made from a whole matte of that frame.

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

import importlib
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np

from rimlight.backends import fastest
from rimlight.compose import Backing, EdgeOptions
from rimlight.errors import BackendError, FrameError
from rimlight.gpu.layout import STATUS_BYTES, Form, form_of, status_offset, unpack
from rimlight.pixels import size_of, to_rgb
from rimlight.signature import check_internal, own_frames
from rimlight.types import I420, Coefficients, FloatArray, Pixels, Size, UInt8Array

# name of a backend: (module, class, how the names of the devices begin that it serves)
DEVICE_PATHS = {
    "tensorrt": ("rimlight.backends.tensorrt_path", "TensorRtPath", ""),
    "torch": ("rimlight.backends.torch_path", "TorchPath", "cuda"),
}


@dataclass(frozen=True, slots=True)
class SceneBlur:
    """A backdrop made on the device from the frame itself: compose.blurred with that strength, 0..1."""

    strength: float


Behind: TypeAlias = "Backing | SceneBlur"


class DevicePath(ABC):
    """A network with its memory, the frames around it and the pass after it, on one device.

    Opened with frames' full size, the internal size and the options of the backend of that name. A frame that is matted
    gets a number; it can be painted or looked at until RING calls of `matte` later. One thread may mat while another
    paints. Pictures are those that Shrinker, the network, adjust_edges and Compositor make, within two grey levels.
    """

    name: str  # of the backend
    RING = 4

    def __init__(self, full: Size, small: Size) -> None:
        self.full, self.small = full, check_internal(small)
        self._queueing = threading.Lock()  # whoever puts work into the device's queue
        self._painting = threading.Lock()  # whoever waits for a picture
        self._newest = 0
        self._age = 0  # frames since the cut that the memory has seen
        # What came as a backdrop in the call before, and as it went up; held, or its id might be given out again.
        self._last_behind: tuple[Backing, DeviceBehind] = None, None
        self._closed = False

    @property
    @abstractmethod
    def device(self) -> str:
        """Runtime, processor and precision that really run, as one phrase."""

    def matte(self, pixels: Pixels, cut: bool = False) -> int:
        """Send a frame through the network, without waiting for it; returns its number, nothing is downloaded.

        pixels: (H, W, 3) uint8 or I420, free again on return; cut: whether it does not continue the one before. Raises
        FrameError for another size, BackendError when the device fails; the next frame counts as a cut then.
        """
        if size_of(pixels) != self.full:
            raise FrameError(f"expected a frame of {self.full}, got {size_of(pixels)}; a new size is a cut")
        with self._queueing:
            self._check_open()
            number = self._newest + 1
            (own,), age = own_frames(self._age, [cut])
            self._age = 0
            self._matte(number % self.RING, number, pixels, own)
            self._newest, self._age = number, age
        return number

    def paint(self, number: int, behind: Behind, edges: EdgeOptions, out: Pixels) -> None:
        """Write that frame's person before what is behind into out; with None behind, out holds the foreground.

        behind: an array is uploaded only if it is another one than in the call before. out: (H, W, 3), (H, W, 4) with
        straight alpha, or I420 (BT.709, limited range). Raises BackendError, and leaves out as it was, when the frame
        is not there any more, a coefficient of it is no number, or what came down is not of this frame.
        """
        if size_of(out) != self.full:
            raise FrameError(f"expected a picture of {self.full}, got {size_of(out)}")
        self._check_behind(behind)
        with self._painting:
            self._queue_paint(number, behind, edges, form_of(out))
            self._take_picture(number, out)

    def timed(self, pixels: Pixels, behind: Behind, edges: EdgeOptions, out: Pixels) -> tuple[float, float]:
        """Mat and paint one frame, nothing else under way; for benchmarks.

        Milliseconds that upload, shrinking and the network took, and that the pass and the download took, by the
        device's own clock: work on the host counts as far as the device waited for it. Raises what both raise.
        """
        begun = self._mark()
        number = self.matte(pixels)
        matted = self._mark()
        with self._painting:
            self._queue_paint(number, behind, edges, form_of(out))
            painted = self._mark()
            self._take_picture(number, out)
        return self._elapsed_ms(begun, matted), self._elapsed_ms(matted, painted)

    def look(self, number: int) -> tuple[FloatArray, Coefficients]:
        """That frame as the network saw it (3, h, w) and its coefficients, in new arrays; for observers.

        Raises BackendError when the frame is not there any more.
        """
        with self._queueing:
            return self._look(self._place_of(number))

    def close(self) -> None:
        """Free what is held on the device; frames that come later raise BackendError."""
        with self._painting, self._queueing:
            if not self._closed:
                self._closed = True
                self._close()

    @abstractmethod
    def _matte(self, place: int, number: int, pixels: Pixels, own: float) -> None:
        """Queue upload, shrinking and the network for one frame, into a place (0 to RING - 1) of its own.

        A place keeps the small frame, the coefficients and the number until its next turn; the number goes up with the
        frame. What the network writes to is filled with bytes of 255 (NaN) before, so that a network which wrote
        nothing is noticed. Pinned memory that a frame RING calls ago went up from may still be read: wait for that.
        """

    @abstractmethod
    def _paint(self, place: int, behind: DeviceBehind, fresh: bool, edges: EdgeOptions, form: Form) -> None:
        """Queue the pass over that place's frame, and the one download of picture and status.

        behind: as in `paint`, planes turned to RGB; fresh: it is an array that was not here in the call before. Where
        it is not fresh, an array is the one uploaded last, and only whether it is sharp or soft is to be read off it.
        """

    @abstractmethod
    def _downloaded(self, form: Form) -> UInt8Array:
        """Wait for the last `_paint` and return what came down: picture, padding, status (`gpu.layout.room_bytes`)."""

    @abstractmethod
    def _look(self, place: int) -> tuple[FloatArray, Coefficients]:
        """Download that place's small frame (3, h, w) and coefficients."""

    @abstractmethod
    def _close(self) -> None:
        """Free everything; nothing else is called afterwards."""

    @abstractmethod
    def _mark(self) -> Any:
        """An event that the device passes when all that was queued before is done."""

    @abstractmethod
    def _elapsed_ms(self, begin: Any, end: Any) -> float:
        """Milliseconds between two events, both passed already."""

    def _queue_paint(self, number: int, behind: Behind, edges: EdgeOptions, form: Form) -> None:
        with self._queueing:
            place = self._place_of(number)
            if behind is None or isinstance(behind, SceneBlur):
                self._paint(place, behind, False, edges, form)
                self._last_behind = None, None
                return
            came, shown = self._last_behind
            fresh = behind is not came
            if fresh:
                self._last_behind, shown = (None, None), to_rgb(behind) if isinstance(behind, I420) else behind
            self._paint(place, shown, fresh, edges, form)
            self._last_behind = behind, shown

    def _take_picture(self, number: int, out: Pixels) -> None:
        form = form_of(out)
        room = self._downloaded(form)
        check_status(room, self.full, form, number)
        unpack(room, out)

    def _place_of(self, number: int) -> int:
        self._check_open()
        if not max(0, self._newest - self.RING) < number <= self._newest:
            raise BackendError(
                f"frame {number} is not on the device, which holds the {self.RING} up to {self._newest}; "
                "nothing of this frame is shown"
            )
        return number % self.RING

    def _check_open(self) -> None:
        if self._closed:
            raise BackendError(f"the {self.name} path is closed; open another one")

    def _check_behind(self, behind: Behind) -> None:
        if behind is None or isinstance(behind, SceneBlur):
            return
        if isinstance(behind, I420) or behind.dtype == np.uint8:
            if size_of(cast("Pixels", behind)) != self.full:
                raise FrameError(f"expected a backdrop of {self.full}, got {size_of(cast('Pixels', behind))}")
        elif behind.shape != (3, self.small.height, self.small.width):
            raise FrameError(f"expected a soft backdrop of (3, h, w) at {self.small}, got {behind.shape}")


# (H, W, 3) uint8, (3, h, w) float32, a blur of the scene, or nothing.
DeviceBehind: TypeAlias = "UInt8Array | FloatArray | SceneBlur | None"


def has_device_path(name: str, device: str) -> bool:
    """Whether a backend has a device path for a device as --device names it; nothing is imported."""
    name = fastest() if name == "auto" else name
    return name in DEVICE_PATHS and device.startswith(DEVICE_PATHS[name][2])


def open_device_path(name: str, full: Size, small: Size, **options: Any) -> DevicePath | None:
    """The device path of a backend, None where it has none for that device: then the host's path is to be used.

    options: those of open_backend, such as device. Raises FrameError for an internal size off the grid, BackendError
    for an absent device, MissingExtraError when the runtime is not installed.
    """
    if not has_device_path(name, options.get("device", "cpu")):
        return None
    module, class_name, _ = DEVICE_PATHS[fastest() if name == "auto" else name]
    kind: type[DevicePath] = getattr(importlib.import_module(module), class_name)
    return kind(full, small, **options)


def check_status(room: UInt8Array, size: Size, form: Form, number: int) -> None:
    """Raise BackendError unless the status behind a picture is of the frame of that number, and the frame whole."""
    offset = status_offset(size, form)
    came, not_finite = (int(word) for word in room[offset : offset + STATUS_BYTES].view("<u4"))
    if came != number % 2**32:
        raise BackendError(f"the device painted frame {came} instead of {number}; nothing of this frame is shown")
    if not_finite:
        raise BackendError(
            f"the network returned {not_finite} numbers that are none (NaN or infinity); nothing of this frame is shown"
        )
