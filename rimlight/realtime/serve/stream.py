"""One person's video on its way through the service: how it is to look, where it is painted, and what may leave.

The event loop puts frames in and takes pictures out; the engine's thread paints. The safety machine is asked before
anything leaves, as on every live path; it belongs to the event loop, and so does all that is not said otherwise.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from rimlight.pixels import Shrinker, empty_i420, to_bt601, to_i420
from rimlight.realtime import safety
from rimlight.realtime.backdrops import Backdrop
from rimlight.realtime.exchange import Exchange
from rimlight.realtime.matted import Matted
from rimlight.realtime.safety import Limits, Safety, State
from rimlight.realtime.serve.measures import Look
from rimlight.realtime.session import Painter, Settings
from rimlight.realtime.stats import Stats
from rimlight.types import I420, FloatArray, Frame, Pixels, Size, UInt8Array

CLOCK = 90_000  # ticks of video a second (RFC 3551, section 5)
COVER_EVERY_S = 0.2  # a cover is sent so often while there is nothing else
RECENT = 90  # latencies that the figures shown to people are made of


@dataclass(frozen=True, slots=True)
class Arrival:
    """A decoded frame as it came: size at which it is to leave, pts in CLOCK ticks, captured_s when it was here."""

    pixels: I420
    size: Size
    pts: int
    captured_s: float


@dataclass(frozen=True, slots=True)
class Dress:
    """How a stream is to look; two of the same backdrop, because covers are made in another thread."""

    look: Look
    behind: Backdrop
    cover: Backdrop


@dataclass(slots=True)
class Painted:
    """A finished picture in BT.601, which is what browsers take every VP8 video for."""

    planes: I420
    pts: int = 0


class Desk:
    """Where pictures of one size are painted; the engine's thread works here, `finished` is where others take from."""

    def __init__(self, full: Size) -> None:
        self.full = full
        self.finished: Exchange[Painted] = Exchange(lambda: Painted(empty_bt601(full)))
        self._room = empty_i420(full)
        self._shrink: Shrinker | None = None
        self._painter: Painter | None = None
        self._dress: Dress | None = None

    def shrink(self, pixels: Pixels, out: FloatArray) -> None:
        """The picture as the network sees it, written to out (3, h, w)."""
        small = Size(*out.shape[1:])
        if self._shrink is None or self._shrink.small != small:
            self._shrink = Shrinker(self.full, small)
        self._shrink(pixels, out)

    def paint(self, matted: Matted, dress: Dress, pts: int) -> None:
        """Finish a picture and offer it to whoever takes next."""
        if self._painter is None or self._dress is not dress:
            self._painter = Painter(Settings(edges=dress.look.edges()), dress.behind, "i420")
            self._dress = dress
        self._painter.paint(matted, self._room)
        back = self.finished.back
        to_bt601(self._room, back.planes)
        back.pts = pts
        self.finished.publish(matted.frame.captured_s)


class Stream:
    """One person's video.

    wake: lets the event loop look for a finished picture; called from any thread. left: told of every picture how many
    seconds passed from its frame's arrival to its leaving.
    """

    def __init__(
        self, key: str, dress: Dress, wake: Callable[[], None], left: Callable[[float], None] = lambda _: None,
        limits: Limits | None = None,
    ) -> None:  # fmt: skip
        self.key, self.dress, self.wake, self._left = key, dress, wake, left
        self.desk: Desk | None = None  # set by the engine's thread
        self.size: Size | None = None  # of what leaves, once something came
        self.stats = Stats()
        self.recent_s: deque[float] = deque(maxlen=RECENT)  # from a frame's arrival to its leaving
        self.arrived_s: float | None = None  # when the last frame came
        self._limits, self._safety = limits or Limits(), safety.paused(Safety(), dress.look.paused)
        self._arrived_pts, self._sent_pts = 0, -1
        self._sent_s = float("-inf")
        self._covered: tuple[UInt8Array, I420] | None = None

    @property
    def state(self) -> State:
        """What leaves now."""
        return self._safety.state

    @property
    def reason(self) -> str:
        """Why it is not live, for people; "" if it is."""
        return self._safety.reason

    @property
    def paused(self) -> bool:
        """Whether the person asked for the cover."""
        return self._safety.paused

    def arrived(self, size: Size, pts: int, now_s: float) -> None:
        """A frame came that is to leave at this size."""
        self.size, self._arrived_pts, self.arrived_s = size, pts, now_s
        self.stats.count("in")

    def redress(self, dress: Dress) -> None:
        """From now on it looks like this."""
        self.dress = dress
        self._safety = safety.paused(self._safety, dress.look.paused)

    def fault(self, reason: str) -> None:
        """Something broke: the cover is shown until fresh pictures prove that all is well."""
        self.stats.count("faults")
        self._safety = safety.fault(self._safety, reason)

    def renew(self) -> None:
        """Let another engine paint; what the one before may still finish is not taken."""
        self.desk = None

    def leaving(self, now_s: float) -> Painted | None:
        """What is to be sent now, valid until the next call: a new finished picture, or the cover in place of it.

        None where what was sent last is still right.
        """
        desk = self.desk
        captured_s = desk.finished.take(0.0) if desk is not None else None
        if captured_s is not None:
            self._safety = safety.finished(self._safety, captured_s, now_s, self._limits)
        self._safety = safety.at(self._safety, now_s, self._limits)
        covered = self._safety.state is State.COVER
        if desk is not None and captured_s is not None and not covered:
            front = desk.finished.front
            self.recent_s.append(now_s - captured_s)
            self._left(now_s - captured_s)
            return self._sent(front.planes, front.pts, now_s)
        if covered and self.size is not None and now_s - self._sent_s >= COVER_EVERY_S:
            elapsed_s = now_s - (self.arrived_s or now_s)
            return self._sent(self._cover(self.size, now_s), self._arrived_pts + round(elapsed_s * CLOCK), now_s)
        return None

    def _sent(self, planes: I420, pts: int, now_s: float) -> Painted:
        """Time goes on for who receives, whatever is shown: a cover may have been sent after a picture's arrival."""
        self._sent_s, self._sent_pts = now_s, max(pts, self._sent_pts + 1)
        self.stats.count("out")
        self.stats.count(f"out_{self._safety.state.value}")
        return Painted(planes, self._sent_pts)

    def latency_ms(self) -> tuple[float, float] | None:
        """Median and 95th percentile of the last pictures, from a frame's arrival to its leaving."""
        if not self.recent_s:
            return None
        p50, p95 = np.percentile(list(self.recent_s), (50, 95)) * 1e3
        return float(p50), float(p95)

    def _cover(self, full: Size, now_s: float) -> I420:
        picture = self.dress.cover.cover(full, now_s)
        if self._covered is None or self._covered[0] is not picture:
            planes = empty_bt601(full)
            to_bt601(to_i420(picture), planes)
            self._covered = (picture, planes)
        return self._covered[1]


def frame_of(arrival: Arrival) -> Frame:
    """The arrival as a frame of the engine, scaled down where it is larger than what may leave."""
    pixels, size = arrival.pixels, arrival.size
    if pixels.size != size:
        sides = ((size.width, size.height), *[((size.width + 1) // 2, (size.height + 1) // 2)] * 2)
        planes = (pixels.y, pixels.u, pixels.v)
        y, u, v = (
            np.asarray(cv2.resize(plane, side, interpolation=cv2.INTER_AREA), np.uint8)
            for plane, side in zip(planes, sides, strict=True)
        )
        pixels = I420(y, u, v, bt709=pixels.bt709, full_range=pixels.full_range)
    return Frame(pixels, arrival.pts / CLOCK, arrival.captured_s)


def empty_bt601(size: Size) -> I420:
    """Planes of the size, not yet filled, BT.601 limited range."""
    planes = empty_i420(size)
    return I420(planes.y, planes.u, planes.v, bt709=False)


def clock_s() -> float:
    """The clock that ages are counted by."""
    return time.perf_counter()
