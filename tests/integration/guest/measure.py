"""Rates and delays inside the guest: numbers to be read by people, none of which is a claim."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from rimlight.backends.fake import FakeBackend
from rimlight.pixels import empty_i420, to_i420
from rimlight.realtime import session
from rimlight.realtime.live import Live
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.virtualcam import VirtualCamSink
from rimlight.realtime.sources.barcode import frame_number
from rimlight.realtime.sources.base import Closes
from rimlight.realtime.sources.pattern import PatternSource
from rimlight.types import FloatArray, Frame, Size

from . import reader
from .steps import HD, PATIENT, RATE, SIZE, Told, info

WRITTEN = 40
READ = 40


class EverythingIsPerson(FakeBackend):
    """A network whose matte is 1 everywhere, so that the numbers in the picture come through."""

    def _call(self, images: FloatArray, state: Any, own: Any) -> tuple[FloatArray, FloatArray, Any]:
        scale, offset, state = super()._call(images, state, own)
        offset[:, 3] = 1
        return scale, offset, state


def everything_is_person(_name: str, size: Size, batch: int = 1, **_: object) -> EverythingIsPerson:
    """In the place of open_backend."""
    return EverythingIsPerson(size, batch)


class Stamped(Closes):
    """The numbered pattern, live, with the moment each number was captured in `captured_s`."""

    live, count = True, None

    def __init__(self, size: Size) -> None:
        self._inner = PatternSource(size, RATE, pause=time.sleep)
        self.size, self.rate = self._inner.size, self._inner.rate
        self.captured_s: dict[int, float] = {}

    def __iter__(self) -> Iterator[Frame]:
        for index, frame in enumerate(self._inner):
            self.captured_s[index] = frame.captured_s
            yield frame


def delay_from_camera_to_reader() -> Told:
    """Numbered pictures through the live engine and the virtual camera to OpenCV, 640x360 at 30 a second."""
    source = Stamped(SIZE)
    settings = Settings(backend="fake", backdrop="black", long_side=128)
    stream = Live(lambda: source, settings, SIZE, RATE, limits=PATIENT)
    with (
        patch.object(session, "open_backend", everything_is_person),
        VirtualCamSink(info()) as sink,
        reader.meanwhile(lambda stop: stream.run(sink, stop)),
    ):
        reader.wait_for(lambda: stream.stats.snapshot().counts.get("out_live", 0) > 10, "the live picture")
        numbers, delays_ms = read_numbers(source.captured_s)
    stages_ms = {name: round(times.p50_ms, 1) for name, times in stream.stats.snapshot().stages.items()}
    return {"numbers": numbers, **quantiles(delays_ms), "stages_ms": stages_ms}


def read_numbers(captured_s: dict[int, float]) -> tuple[list[int], list[float]]:
    """Numbers of READ pictures in the order they were read, and their ages in ms; the first few only fill the queue."""
    numbers, delays_ms = [], []
    with reader.opened() as capture:
        for index in range(READ + 10):
            number = frame_number(reader.picture(capture))
            if index >= 10 and number is not None:
                numbers.append(number)
                delays_ms.append((time.perf_counter() - captured_s[number]) * 1e3)
    return numbers, delays_ms


def delay_of_the_device_alone() -> Told:
    """The same pictures written straight to the virtual camera, without the engine."""
    source = Stamped(SIZE)

    def write(stop: Event) -> None:
        for frame in source:
            sink.write(frame)
            if stop.is_set():
                return

    with VirtualCamSink(info()) as sink, reader.meanwhile(write):
        reader.wait_for(lambda: sink.frames > 0, "the first picture")
        numbers, delays_ms = read_numbers(source.captured_s)
    return {"numbers": numbers, **quantiles(delays_ms)}


def rates_at_720p() -> Told:
    """Pictures a second as fast as they go: each part alone, then written and read by OpenCV at once."""
    planes = to_i420(next(iter(PatternSource(HD))).image)
    frame = Frame(planes, 0.0, 0.0)
    with VirtualCamSink(info(HD)) as sink:
        sink.write(frame)
        flat = np.concatenate([plane.reshape(-1) for plane in (planes.y, planes.u, planes.v)])
        told = {"library_hz": rate(lambda: sink._camera.send(flat)), "sink_hz": rate(lambda: sink.write(frame))}

        def write(stop: Event) -> None:
            while not stop.is_set():
                sink.write(frame)

        with reader.meanwhile(write), reader.opened() as capture:
            before, start_s = sink.frames, time.perf_counter()
            for _ in range(READ):
                reader.picture(capture)
            took_s = time.perf_counter() - start_s
            told |= {"read_hz": READ / took_s, "written_meanwhile_hz": (sink.frames - before) / took_s}
    told["decode_hz"] = rate(lambda: cv2.cvtColor(flat.reshape(-1, HD.width), cv2.COLOR_YUV2BGR_I420))
    return {
        **{name: round(value, 1) for name, value in told.items()},
        "copy_hz": round(rate(lambda: copied(planes)), 1),
    }


def copied(planes: Any) -> None:
    """What the guest takes for moving a picture in memory once."""
    empty = empty_i420(HD)
    empty.y[:], empty.u[:], empty.v[:] = planes.y, planes.u, planes.v


def rate(work: Callable[[], object]) -> float:
    """Calls a second, over WRITTEN of them."""
    start_s = time.perf_counter()
    for _ in range(WRITTEN):
        work()
    return WRITTEN / (time.perf_counter() - start_s)


def quantiles(values_ms: list[float]) -> dict[str, float]:
    names = {"least_ms": 0.0, "median_ms": 0.5, "p95_ms": 0.95, "most_ms": 1.0}
    return {name: round(float(np.quantile(values_ms, share)), 1) for name, share in names.items()}
