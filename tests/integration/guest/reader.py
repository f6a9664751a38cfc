"""A program that looks at the virtual camera, as far as it can be told from outside."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np

DEVICE = "/dev/video10"
PATIENCE = 2000  # pictures to wait for something; at any rate an end


@contextmanager
def opened() -> Iterator[cv2.VideoCapture]:
    """OpenCV's reader of the virtual camera."""
    capture = cv2.VideoCapture(DEVICE, cv2.CAP_V4L2)
    assert capture.isOpened(), "OpenCV cannot open the virtual camera"
    try:
        yield capture
    finally:
        capture.release()


def picture(capture: cv2.VideoCapture) -> np.ndarray:
    """The next picture, (H, W, 3) RGB."""
    good, image = capture.read()
    assert good, "OpenCV got no picture from the virtual camera"
    return np.asarray(image[:, :, ::-1])


def until(capture: cv2.VideoCapture, fits: Callable[[np.ndarray], bool]) -> list[np.ndarray]:
    """Pictures up to the first that fits."""
    seen = []
    for _ in range(PATIENCE):
        seen.append(picture(capture))
        if fits(seen[-1]):
            return seen
    raise AssertionError(f"nothing fitting among {PATIENCE} pictures")


def by_ffmpeg(count: int, size: tuple[int, int]) -> np.ndarray:
    """count pictures (count, H, W, 3) as Debian's ffmpeg reads them."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-f", "v4l2", "-i", DEVICE, "-frames:v", str(count)]
    done = subprocess.run([*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, size[0], size[1], 3)


@contextmanager
def another_program() -> Iterator[int]:
    """A process that has the camera open and waits; gives its number."""
    with Path(DEVICE).open("rb") as device:
        process = subprocess.Popen(["sleep", "1000"], stdin=device)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def meanwhile(work: Callable[[Event], Any]) -> Iterator[None]:
    """Do something in another thread until the block ends; its error becomes this one's."""
    stop, errors = Event(), []

    def run() -> None:
        try:
            work(stop)
        except Exception as error:  # noqa: BLE001 - handed on below
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
    if errors:
        raise errors[0]


def wait_for(fits: Callable[[], bool], what: str) -> None:
    """Ask every 10 ms, for a minute."""
    end_s = time.monotonic() + 60
    while not fits():
        assert time.monotonic() < end_s, f"waited in vain for {what}"
        time.sleep(0.01)
