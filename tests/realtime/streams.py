"""Frames, and stages of a loop that record what passes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction

import numpy as np

from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.loop import run
from rimlight.realtime.session import Matted, Matter, Painter, Settings
from rimlight.realtime.sinks.base import Ends, PixelFormat
from rimlight.realtime.sources.base import Closes, Source
from rimlight.realtime.stats import Stats
from rimlight.types import Coefficients, Frame, Size, UInt8Array

SIZE = Size(64, 112)
FAKE = Settings(backend="fake", backdrop="#102030", long_side=128)
ONNX = Settings(backend="onnx", backdrop="#102030", long_side=128, threads=1)


def frames(count: int, size: Size = SIZE, seed: int = 0, start: int = 0) -> list[Frame]:
    """Smooth random frames (H, W, 3) of changing brightness; the first is a cut."""
    random = np.random.default_rng(seed)
    found = []
    for index in range(start, start + count):
        corners = random.integers(0, 200, (2, 2, 3)) + random.integers(0, 55)
        rows, columns = np.linspace(0, 1, size.height)[:, None, None], np.linspace(0, 1, size.width)[None, :, None]
        top = corners[0, 0] * (1 - columns) + corners[0, 1] * columns
        low = corners[1, 0] * (1 - columns) + corners[1, 1] * columns
        image = (top * (1 - rows) + low * rows).astype(np.uint8)
        found.append(Frame(image, index / 30, 0.0, cut=index == start))
    return found


class ListSource(Closes):
    """Frames of a list, with the error that comes at the end, if any."""

    live = False

    def __init__(self, given: Sequence[Frame], error: BaseException | None = None) -> None:
        self.given, self.error = given, error
        self.size, self.rate, self.count = given[0].size, Fraction(30), len(given)
        self.read = 0

    def __iter__(self) -> Iterator[Frame]:
        for frame in self.given:
            self.read += 1
            yield frame
        if self.error is not None:
            raise self.error


class Recorder(Ends):
    """A sink that keeps copies of the pictures (H, W, 3) or (H, W, 4), and how it ended."""

    def __init__(self, wants: PixelFormat = "rgb", fail_at: int | None = None) -> None:
        self.wants: PixelFormat = wants
        self.carries_alpha = wants == "rgba"
        self.images: list[UInt8Array] = []
        self.times: list[float] = []
        self.fail_at = fail_at
        self.error = OSError("disk full")
        self.ended = ""

    def write(self, frame: Frame) -> None:
        if self.fail_at == len(self.images):
            raise self.error
        assert isinstance(frame.pixels, np.ndarray)
        self.images.append(frame.pixels.copy())
        self.times.append(frame.pts_s)

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def interrupt(self) -> None:
        self.ended = "interrupted"

    def discard(self) -> None:
        self.ended = "discarded"


def copied(coefficients: Coefficients) -> Coefficients:
    return Coefficients(coefficients.scale.copy(), coefficients.offset.copy())


def same(matted: Matted, coefficients: Coefficients) -> bool:
    pairs = ((matted.coefficients.scale, coefficients.scale), (matted.coefficients.offset, coefficients.offset))
    return all(np.array_equal(one, other) for one, other in pairs)


def stages() -> list[threading.Thread]:
    """The loop's threads that still run."""
    return [thread for thread in threading.enumerate() if thread.name == "rimlight-stage"]


def play(source: Source, sink: Recorder, settings: Settings = FAKE, **more: object) -> Stats:
    """Run a source through the loop into a recorder."""
    stats = Stats()
    with closing(Matter(settings)) as matter, sink:
        painter = Painter(settings, open_backdrop(settings.backdrop), sink.wants)
        run(source, matter, painter, sink, stats, **more)  # type: ignore[arg-type]
    return stats
