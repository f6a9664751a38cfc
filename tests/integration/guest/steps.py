"""What is tried inside the guest; each step returns what it saw, to be judged outside.

Letters: H, W size of the pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from rimlight.errors import SinkError
from rimlight.pixels import empty_i420
from rimlight.realtime import loopback
from rimlight.realtime.demand import Watcher, readers
from rimlight.realtime.live import Live
from rimlight.realtime.safety import Limits
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks import open_sink
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.virtualcam import VirtualCamSink
from rimlight.realtime.sources import open_source
from rimlight.realtime.sources.base import Source
from rimlight.types import Frame, Size

from . import reader, vivid

SIZE = Size(360, 640)
HD = Size(720, 1280)
RATE = Fraction(30)
BACKDROP = (0x1E, 0x90, 0xFF)
# An emulated processor takes hundreds of milliseconds for what takes a real one five.
PATIENT = Limits(late_s=5.0, stale_s=8.0)
Told = dict[str, Any]


def info(size: Size = SIZE) -> StreamInfo:
    return StreamInfo(size, RATE)


def live(backend: str, source: Callable[[], Source], **limits: Any) -> Live:
    settings = Settings(backend=backend, backdrop="#1e90ff", long_side=128, threads=2 if backend == "onnx" else None)
    return Live(source, settings, SIZE, RATE, limits=limits.get("limits", PATIENT), hang_s=60.0)


def camera() -> Source:
    return open_source(vivid.DEVICE, size=SIZE, rate=RATE)


def off_backdrop(images: np.ndarray) -> int:
    """The largest difference from the backdrop of what no ellipse of the fake network can reach, in levels."""
    height, width = images.shape[1:3]
    rows, columns = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    outside = np.hypot(columns, rows - 0.3) > 0.8  # (H, W)
    return int(np.abs(images[:, outside].astype(int) - BACKDROP).max())


def shows_red(image: np.ndarray) -> bool:
    return bool(np.abs(image[image.shape[0] * 2 // 3, image.shape[1] // 2].astype(int) - vivid.RED).max() < 24)


def is_cover(image: np.ndarray) -> bool:
    return int(np.abs(image.astype(int) - BACKDROP).max()) <= 4


def a_camera_matted_before_a_colour() -> Told:
    """The test camera through the fake network; read by OpenCV and ffmpeg; then the camera is pulled out."""
    vivid.see_only_red()
    may_open = Event()

    def late_camera() -> Source:
        may_open.wait(60)
        return camera()

    stream = live("fake", late_camera, limits=Limits(late_s=2.0, stale_s=3.0))
    with open_sink("virtualcam:/dev/video10", info()) as sink, reader.meanwhile(lambda stop: stream.run(sink, stop)):
        reader.wait_for(lambda: stream.stats.snapshot().counts.get("out", 0) > 0, "the first picture")
        with reader.opened() as capture:
            before = np.stack([reader.picture(capture) for _ in range(3)])
            may_open.set()
            reader.until(capture, shows_red)
            during = np.stack([reader.picture(capture) for _ in range(10)])
            by_ffmpeg = reader.by_ffmpeg(5, (SIZE.height, SIZE.width))
            device = stream.status().device
            vivid.unplug()
            reader.until(capture, is_cover)
            after = np.stack([reader.picture(capture) for _ in range(20)])
            status = stream.status()
    return {
        "shape": during.shape[1:], "device": device,
        "cover_before": all(map(is_cover, before)), "off_backdrop": off_backdrop(during),
        "ffmpeg_frames": len(by_ffmpeg), "ffmpeg_off_backdrop": off_backdrop(by_ffmpeg),
        "ffmpeg_red": all(map(shows_red, by_ffmpeg)),
        "cover_after": all(map(is_cover, after)), "state": status.state.value, "reason": status.reason,
    }  # fmt: skip


def the_network_before_a_colour() -> Told:
    """The test camera through ONNX Runtime, until ten of its pictures were shown."""
    stream = live("onnx", camera)
    with open_sink("virtualcam", info()) as sink, reader.meanwhile(lambda stop: stream.run(sink, stop)):
        reader.wait_for(lambda: stream.stats.snapshot().counts.get("out_live", 0) >= 10, "the network's pictures")
        with reader.opened() as capture:
            shape = reader.picture(capture).shape
        device = stream.status().device
    counts = stream.stats.snapshot().counts
    return {"shape": shape, "device": device, "counts": counts}


def closed_and_opened_again() -> Told:
    """Again with nobody there, with a reader that stayed, and at a size that this reader does not let it take."""
    written = []
    for _ in range(2):
        with VirtualCamSink(info(), reader.DEVICE) as sink:
            written.append(fed(sink, SIZE))
    with ExitStack() as reading:
        with VirtualCamSink(info(), reader.DEVICE) as sink:
            written.append(fed(sink, SIZE))
            reading.enter_context(reader.another_program())
        with VirtualCamSink(info(), reader.DEVICE) as sink:
            written.append(fed(sink, SIZE))
        with refusal() as refused, VirtualCamSink(info(HD), reader.DEVICE) as sink:
            fed(sink, HD)
    with VirtualCamSink(info(HD), reader.DEVICE) as sink:
        written.append(fed(sink, HD))
    return {"written": written, "refused": refused}


def a_reader_is_noticed() -> Told:
    """The watcher with a program that opens the device and closes it again."""
    told: list[bool] = []
    with VirtualCamSink(info(), reader.DEVICE) as sink:
        fed(sink, SIZE)
        with Watcher(sink.device, told.append, close_after_s=0.2, every_s=0.05):
            with reader.another_program() as number:
                reader.wait_for(lambda: told == [False, True], "the camera to open")
                seen = [holder.pid for holder in loopback.holders(sink.device)]
            reader.wait_for(lambda: told == [False, True, False], "the camera to close")
        nobody = readers(sink.device)
    return {"told": told, "pid": number, "seen": seen, "nobody": nobody, "module": loopback.version()}


def a_lost_device() -> Told:
    """The device's node goes; must be the last step."""
    with refusal() as refused, VirtualCamSink(info(), reader.DEVICE) as sink:
        fed(sink, SIZE)
        Path(reader.DEVICE).unlink()
        fed(sink, SIZE)
    return {"refused": refused}


@contextmanager
def refusal() -> Any:
    """A list that holds what a SinkError said, once the block is left by one."""
    said: list[str] = []
    try:
        yield said
    except SinkError as error:
        said.append(str(error))


def fed(sink: VirtualCamSink, size: Size, count: int = 5) -> int:
    """Write grey pictures; returns how many were written in all."""
    planes = empty_i420(size)
    for plane in (planes.y, planes.u, planes.v):
        plane[:] = 128
    for index in range(count):
        sink.write(Frame(planes, index / 30, time.perf_counter()))
    return sink.frames
