"""A camera, grabbed by a thread of its own so that the newest picture is always at hand."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol

import cv2
import numpy as np

from rimlight.errors import SourceError
from rimlight.realtime.sources.base import Closes
from rimlight.realtime.sources.mailbox import Mailbox
from rimlight.types import Frame, Size, UInt8Array

log = logging.getLogger(__name__)

ON_LINUX = sys.platform == "linux"
TIMEOUT_S = 5.0
JOIN_S = 1.0
MISSES = 10  # failed reads in a row before a camera counts as gone; one alone is a glitch on the bus
MISS_PAUSE_S = 0.02  # a camera that is gone fails at once: do not spin
USUAL_RATE = Fraction(30)
MJPG = float(int.from_bytes(b"MJPG", "little"))  # uncompressed pictures above 640x480 do not fit through USB 2

Device = int | str


class Capture(Protocol):
    """What is used of cv2.VideoCapture."""

    def isOpened(self) -> bool: ...

    def read(self) -> tuple[bool, Any]: ...

    def get(self, propId: int, /) -> float: ...

    def set(self, propId: int, value: float, /) -> bool: ...

    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Grab:
    """image (H, W, 3) uint8 RGB, and when it came."""

    image: UInt8Array
    captured_s: float


class CameraSource(Closes):
    """The newest picture of a camera, every time one is asked for; pictures that nobody took in time are dropped.

    device: its number, or the path of a video device. size and rate are asked of the camera, which may give others.
    timeout_s: the longest wait for a picture. open_capture: opens the device; tests put a double in its place.
    Frames hold (H, W, 3) RGB; pts_s counts from the first picture taken. A new size is a cut.
    Opening raises SourceError where there is no camera or no picture within timeout_s; iterating raises it where the
    camera is unplugged or stands still.
    """

    live = True
    count = None

    def __init__(
        self,
        device: Device = 0,
        *,
        size: Size | None = None,
        rate: Fraction | None = None,
        timeout_s: float = TIMEOUT_S,
        open_capture: Callable[[Device], Capture] | None = None,
    ) -> None:
        self._device = device
        self._timeout_s = timeout_s
        self._mailbox: Mailbox[Grab] = Mailbox()
        self._stop = Event()
        capture = (open_capture or open_device)(device)
        self.rate = _ask(capture, device, size, rate)
        self._grabber = Thread(target=self._grab, args=(capture,), name=f"camera {device}", daemon=True)
        self._grabber.start()
        try:
            first = self._picture(self._mailbox.look)
        except BaseException:
            self.close()
            raise
        assert first is not None, "nobody else can have closed the camera yet"
        self.size: Size = Size(*first.image.shape[:2])
        self._start_s: float | None = None
        if size is not None and self.size != size:
            log.info("camera %s gives %s, not %s", device, self.size, size)

    def __iter__(self) -> Iterator[Frame]:
        last: Size | None = None
        while (grab := self._picture(self._mailbox.take)) is not None:
            size = Size(*grab.image.shape[:2])
            if self._start_s is None:  # not when it was opened: loading a network may take longer than many pictures
                self._start_s = grab.captured_s
            yield Frame(grab.image, grab.captured_s - self._start_s, grab.captured_s, cut=size != last)
            last = size

    def close(self) -> None:
        self._stop.set()
        self._mailbox.close()
        # A read that hangs keeps its thread and the device until it returns; nobody waits for that.
        self._grabber.join(JOIN_S)

    def _picture(self, get: Callable[[float], Grab | None]) -> Grab | None:
        try:
            return get(self._timeout_s)
        except TimeoutError as error:
            raise SourceError(
                f"no picture from camera {self._device} for {self._timeout_s:g} s;"
                " plug it in again, or close the program that holds it"
            ) from error

    def _grab(self, capture: Capture) -> None:
        misses = 0
        try:
            while not self._stop.is_set() and misses < MISSES:
                good, image = capture.read()
                if good and image is not None:
                    misses = 0
                    self._mailbox.put(Grab(_rgb(image), time.perf_counter()))
                else:
                    misses += 1
                    self._stop.wait(MISS_PAUSE_S)
            if misses:
                raise SourceError(f"camera {self._device} gives no pictures any more; plug it in again and restart")
        except Exception as error:  # noqa: BLE001 - the thread's edge: whoever takes pictures gets the error
            self._mailbox.fail(error)
        finally:
            # Here and not in close: releasing a capture while another thread reads from it crashes.
            capture.release()


def open_device(device: Device) -> Capture:
    """Open a camera through OpenCV, by V4L2 on Linux; raises SourceError where it is missing."""
    if ON_LINUX:
        _check_present(Path(f"/dev/video{device}" if isinstance(device, int) else device))
        return cv2.VideoCapture(device, cv2.CAP_V4L2)
    return cv2.VideoCapture(device, cv2.CAP_ANY)


def from_spec(spec: str, size: Size | None = None, rate: Fraction | None = None) -> CameraSource:
    """Open a camera for the registry: "" or a number, or the path of a video device."""
    return CameraSource(int(spec or 0) if not spec or spec.isdecimal() else spec, size=size, rate=rate)


def list_cameras() -> list[str]:
    """Names that open_source takes for the cameras found: V4L2 devices that capture, or the first indices elsewhere."""
    if ON_LINUX:
        return [f"/dev/{path.name}" for path in sorted(Path("/dev").glob("video*"))]
    return ["camera:0"]


def _check_present(path: Path) -> None:
    if path.exists():
        return
    found = ", ".join(sorted(str(other) for other in Path("/dev").glob("video*")))
    advice = f"there are {found}: name one of these" if found else "there is none at all: plug one in"
    raise SourceError(f"no camera at {path}; {advice}")


def _ask(capture: Capture, device: Device, size: Size | None, rate: Fraction | None) -> Fraction:
    """Ask the camera for size and rate; return the rate it will give, as far as it says."""
    if not capture.isOpened():
        capture.release()
        raise SourceError(
            f"camera {device} cannot be opened; close the program that holds it, or see whether you may read it"
        )
    capture.set(cv2.CAP_PROP_FOURCC, MJPG)  # before the size: drivers offer each size per format
    if size is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, float(size.width))
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, float(size.height))
    if rate is not None:
        capture.set(cv2.CAP_PROP_FPS, float(rate))
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1.0)
    given = capture.get(cv2.CAP_PROP_FPS)
    if math.isfinite(given) and given >= 1:
        return Fraction(given).limit_denominator(1001)
    return rate or USUAL_RATE


def _rgb(image: UInt8Array) -> UInt8Array:
    if image.ndim != 3 or image.shape[2] != 3:
        raise SourceError(f"expected (H, W, 3) from the camera, got {image.shape}; choose another format or camera")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
