"""A moving test picture with its number in it, the same in every run."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import count as from_zero
from threading import Event

import cv2
import numpy as np

from rimlight.errors import FrameError, SourceError
from rimlight.realtime.sources.barcode import draw_number
from rimlight.realtime.sources.base import Closes
from rimlight.types import Frame, Size, UInt8Array

SPEC = re.compile(r"(?P<size>\d+x\d+)?(?:@(?P<rate>\d+(?:[./]\d+)?))?(?::?(?P<count>\d+))?")
HOW = "pattern[:WIDTHxHEIGHT][@RATE][:COUNT], such as pattern:1280x720@30:300"
USUAL_SIZE = Size(720, 1280)
USUAL_RATE = Fraction(30)
TURN = 90  # frames in which the disc goes round once


class PatternSource(Closes):
    """Bars that wander and a disc that circles, (H, W, 3) RGB; `frame_number` reads each frame's number from it.

    count: frames until it ends, None for never.
    pause: makes the source live: it is called with the seconds until the next frame is due. None: as fast as taken.
    Raises SourceError where rate or count is not above 0.
    """

    def __init__(
        self,
        size: Size = USUAL_SIZE,
        rate: Fraction = USUAL_RATE,
        count: int | None = None,
        *,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        if rate <= 0 or (count is not None and count < 1):
            raise SourceError(f"expected a rate and a count above 0, got {rate} and {count}")
        self.size = size
        self.rate = rate
        self.count = count
        self.live = pause is not None
        self._pause = pause
        self._bars = _bars(size)
        self._indices = from_zero() if count is None else iter(range(count))

    def __iter__(self) -> Iterator[Frame]:
        start_s = time.perf_counter()
        while (index := next(self._indices, None)) is not None:
            pts_s = float(index / self.rate)
            if self._pause is not None:
                self._pause(max(0.0, start_s + pts_s - time.perf_counter()))
            yield Frame(self._draw(index), pts_s, time.perf_counter(), cut=index == 0)

    def close(self) -> None:
        self._indices = iter(())

    def _draw(self, index: int) -> UInt8Array:
        height, width = self.size.height, self.size.width
        shift = index * 2 % width
        image = self._bars[:, shift : shift + width].copy()
        angle = 2 * math.pi * index / TURN
        centre = (round(width * (0.5 + 0.25 * math.cos(angle))), round(height * (0.55 + 0.2 * math.sin(angle))))
        cv2.circle(image, centre, max(1, min(height, width) // 8), (235, 190, 160), cv2.FILLED, cv2.LINE_AA)
        draw_number(image, index)
        return image


def from_spec(spec: str, size: Size | None = None, rate: Fraction | None = None) -> PatternSource:
    """A pattern for the registry: "[WIDTHxHEIGHT][@RATE][:COUNT]"; size and rate fill in what the spec leaves out."""
    return PatternSource(*_parsed(spec, size, rate))


def live_from_spec(spec: str, size: Size | None = None, rate: Fraction | None = None) -> PatternSource:
    """The same pattern at its own pace, as a camera that is always there."""
    return PatternSource(*_parsed(spec, size, rate), pause=Event().wait)


def _parsed(spec: str, size: Size | None, rate: Fraction | None) -> tuple[Size, Fraction, int | None]:
    match = SPEC.fullmatch(spec.strip())
    try:
        if match is None:
            raise FrameError(f"cannot understand pattern:{spec}")
        own_size = Size.parse(match["size"]) if match["size"] else None
        own_rate = Fraction(match["rate"]) if match["rate"] else None
    except (FrameError, ZeroDivisionError) as error:
        raise SourceError(f"{error}; write {HOW}") from error
    own_count = int(match["count"]) if match["count"] else None
    own_rate = rate if own_rate is None else own_rate
    return own_size or size or USUAL_SIZE, USUAL_RATE if own_rate is None else own_rate, own_count


def _bars(size: Size) -> UInt8Array:
    """(H, 2 * W, 3): two rounds of a pattern as wide as the picture, so that any part of it is a view."""
    x = np.linspace(0, 2 * np.pi, size.width, endpoint=False)  # (W,)
    y = np.linspace(0, 1, size.height)[:, None]  # (H, 1)
    waves = [np.sin(x * turns) * 0.5 + 0.5 for turns in (1, 2, 5)]  # (W,) each
    image = np.stack([40 + 150 * (wave * (1 - y / 2) + y / 4) for wave in waves], -1)  # (H, W, 3)
    return np.tile(image.astype(np.uint8), (1, 2, 1))
