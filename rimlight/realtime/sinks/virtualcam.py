"""A camera that other programs see: video calls, browsers, OBS."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

import numpy as np

from rimlight.errors import MissingExtraError, SinkError
from rimlight.pixels import to_bt601, to_i420, to_rgb
from rimlight.realtime import loopback
from rimlight.realtime.sinks.base import Ends, PixelFormat, StreamInfo, same_size
from rimlight.realtime.sinks.options import Options
from rimlight.types import I420, Frame, Pixels, Size, UInt8Array

PLATFORM = sys.platform
LOOPBACK = "v4l2loopback"
MODPROBE = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=rimlight video_nr=10"
ADVICE = {
    "linux": f"load the loopback module: {MODPROBE} (to keep it after a restart, see packaging/v4l2loopback)",
    "win32": "install OBS Studio, start it once and close it; or install UnityCapture",
    "darwin": "install OBS Studio 30 or newer, start its virtual camera once, stop it and close OBS",
}


class VirtualCamSink(Ends):
    """Shows each frame in a virtual camera until the next; `device` is its name.

    The camera stays open, at one size, until the sink is closed: the live loop always delivers that size whatever the
    real camera or the settings become, and reopening would throw readers out. Planes go to Linux's v4l2loopback as
    they are but for their colours: V4L2 has no tag that readers heed, and they take untagged planes for BT.601.
    device: as the system knows it, or None for the first free one. backend: of pyvirtualcam, None for the system's.
    Raises MissingExtraError without pyvirtualcam; SinkError where there is no device, it is taken or may not be
    written, for odd sides (see `even`), for frames of another size, and on Linux when the device is lost. Elsewhere
    pyvirtualcam has no way to tell that.
    """

    carries_alpha = False

    def __init__(self, info: StreamInfo, device: str | None = None, backend: str | None = None) -> None:
        pyvirtualcam = _library()
        if info.size != even(info.size):
            raise SinkError(f"a virtual camera needs even sides, got {info.size}; use {even(info.size)}")
        backend = backend or (LOOPBACK if PLATFORM == "linux" else None)
        self._planes = backend == LOOPBACK
        self.wants: PixelFormat = "i420" if self._planes else "rgb"
        self.frames = 0
        self._size = info.size
        if self._planes:
            device = _usable(device)
        self._camera = _opened(pyvirtualcam, info, device, backend, self._planes)
        self.device: str = self._camera.device
        self._number = os.stat(self.device).st_rdev if self._planes else 0
        self._flat: UInt8Array = np.empty(info.size.height * info.size.width * 3 // 2, np.uint8)
        self._room = _views(self._flat, info.size)

    def write(self, frame: Frame) -> None:
        same_size(frame, self._size, f"the virtual camera {self.device}")
        self._camera.send(self._packed(frame.pixels))
        self.frames += 1
        # A write that failed is printed by the library and not told: look at the device instead.
        problem = loopback.trouble(self.device, self._number, self._size) if self._planes else None
        if problem:
            raise SinkError(f"the virtual camera {self.device} {problem}")

    def close(self) -> None:
        self._camera.close()

    def _packed(self, pixels: Pixels) -> UInt8Array:
        """(H, W, 3) RGB, or the planes one after the other in BT.601."""
        if not self._planes:
            return to_rgb(pixels)
        to_bt601(to_i420(pixels), self._room)
        return self._flat


def from_spec(rest: str, info: StreamInfo, options: Options) -> VirtualCamSink:
    """A virtual camera for the registry: "", a device, or the name of one of pyvirtualcam's backends."""
    if options.alpha:
        raise SinkError("a virtual camera has no alpha; choose a backdrop, or write where alpha is kept")
    if rest in _backends(_library()):
        return VirtualCamSink(info, backend=rest)
    return VirtualCamSink(info, rest or None)


def even(size: Size) -> Size:
    """The nearest size with even sides, as virtual cameras need: the same one, or a pixel less."""
    return Size(max(2, size.height // 2 * 2), max(2, size.width // 2 * 2))


def _library() -> ModuleType:
    try:
        import pyvirtualcam
    except ImportError as error:
        raise MissingExtraError("a virtual camera", "pyvirtualcam", "virtualcam") from error
    library: ModuleType = pyvirtualcam
    return library


def _backends(pyvirtualcam: ModuleType) -> list[str]:
    return list(pyvirtualcam.camera.BACKENDS)


def _opened(pyvirtualcam: ModuleType, info: StreamInfo, device: str | None, backend: str | None, planes: bool) -> Any:
    """The library's camera, its errors turned into ours."""
    known = _backends(pyvirtualcam)
    if backend is not None and backend not in known:
        raise SinkError(
            f"expected {' or '.join(known) or 'no virtual camera'}, as pyvirtualcam knows here, got {backend}"
        )
    form = pyvirtualcam.PixelFormat.I420 if planes else pyvirtualcam.PixelFormat.RGB
    size = info.size
    try:
        return pyvirtualcam.Camera(size.width, size.height, float(info.rate), fmt=form, device=device, backend=backend)
    except RuntimeError as error:
        advice = ADVICE.get(PLATFORM, "virtual cameras are known for Linux, Windows and macOS")
        raise SinkError(f"no virtual camera could be opened ({error}); {advice}") from error


def _usable(device: str | None) -> str:
    """A loopback device that may be written to and that nobody else writes to, made ready; raises SinkError."""
    found = loopback.devices()
    if not found:
        raise SinkError(f"there is no virtual camera; {ADVICE['linux']}")
    if device is not None and os.path.realpath(device) not in found:
        what = "is no loopback device" if os.path.exists(device) else "does not exist"
        raise SinkError(f"{device} {what}; there is {', '.join(found)}")
    problems = []
    for candidate in [device] if device else found:
        problem = _problem(candidate)
        if problem is None:
            loopback.rearm(candidate)
            return candidate
        problems.append(problem)
    raise SinkError("; ".join(problems))


def _problem(device: str) -> str | None:
    """Why a loopback device cannot be written to, and what to do."""
    if not os.access(device, os.W_OK):
        return f"you may not write to {device}; run: sudo usermod -aG video $USER, and log in again"
    writers = [f"{holder.name} ({holder.pid})" for holder in loopback.holders(device) if holder.only_writes]
    if writers:
        return f"{device} is taken by {', '.join(writers)}; close it, or load the module with devices=2"
    return None


def _views(flat: UInt8Array, size: Size) -> I420:
    """The planes that lie one after the other in flat (H * W * 3 / 2,)."""
    luma, chroma = size.height * size.width, size.height * size.width // 4
    half = (size.height // 2, size.width // 2)
    y, u, v = flat[:luma], flat[luma : luma + chroma], flat[luma + chroma :]
    return I420(y.reshape(size.height, size.width), u.reshape(half), v.reshape(half), bt709=False)
