"""The thread behind a live stream: camera to finished pictures, opened again after every fault.

It only ever hands over finished pictures and reasons for faults. If it hangs, it is abandoned with its camera, and what
it may still hand over is not taken: every worker has a place of its own to publish to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import numpy as np

from rimlight.pixels import fill, to_rgb
from rimlight.realtime.backdrops import Backdrop
from rimlight.realtime.exchange import Exchange
from rimlight.realtime.governor import Budget, Governor, configure
from rimlight.realtime.matted import Seen
from rimlight.realtime.session import Matter, Painter, Settings, empty_pixels
from rimlight.realtime.sinks.base import PixelFormat
from rimlight.realtime.sources.base import Source
from rimlight.realtime.stats import Stats
from rimlight.types import I420, Frame, Pixels, Size


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker needs: how to open the camera, how to mat and paint, and the size and pixels that leave.

    observe: called in the worker's thread with what the network says of every frame, such as Preview.observe.
    """

    open_source: Callable[[], Source]
    settings: Settings
    backdrop: Backdrop
    size: Size
    wants: PixelFormat
    mirror: bool = False
    budget: Budget | None = None
    retry_s: float = 1.0  # between a fault and the next try to open camera and backend
    observe: Callable[[Seen], None] | None = None


class Worker:
    """Runs a plan in a daemon thread until told to stop; `plan` may be replaced while it runs.

    beat_s: when it last did anything, on the clock of time.perf_counter. fault: called with the worker and a reason
    after each error.
    """

    def __init__(self, plan: Plan, stats: Stats, fault: Callable[[Worker, str], None]) -> None:
        self.plan = plan
        self.finished: Exchange[Pixels] = Exchange(lambda: empty_pixels(plan.size, plan.wants))
        self.beat_s = time.perf_counter()
        self.device = ""
        self._stats, self._fault = stats, fault
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rimlight-live", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether its thread still runs."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float = 0.0) -> None:
        """Ask it to end, and wait for it at most timeout_s; a thread that hangs is left behind."""
        self._stop.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._fault(self, self._stream())
            except Exception as error:  # noqa: BLE001 - the edge of the thread: handed on as the reason of the cover
                self._fault(self, f"{error}" or type(error).__name__)
                self._stats.count("faults")
            self._stop.wait(self.plan.retry_s)

    def _stream(self) -> str:
        """One opening of the camera, until it ends, breaks, or the worker is stopped; returns why it is over."""
        plan = self.plan
        matter = Matter(plan.settings, plan.observe)
        self.beat_s = time.perf_counter()
        try:
            with plan.open_source() as source:
                frames: Iterator[Frame] | None = iter(source)
                while frames is not None and opens_alike(plan, self.plan):
                    frames = self._mat(frames, source.rate, matter)
        finally:
            matter.close()
        return "the camera ended" if frames is None else "the backend changes"

    def _mat(self, frames: Iterator[Frame], rate: Fraction, matter: Matter) -> Iterator[Frame] | None:
        """Mat frames until they end or the worker is stopped (None), or until a plan needs a new beginning."""
        begun = plan = self.plan
        painter = Painter(plan.settings, plan.backdrop, plan.wants)
        for frame in self._admitted(frames, rate, matter, plan):
            if self._stop.is_set():
                return None
            if self.plan is not plan:
                plan = self.plan
                if not (opens_alike(begun, plan) and admits_alike(begun, plan)):
                    return chain((frame,), frames)
                painter = Painter(plan.settings, plan.backdrop, plan.wants)
            self._step(frame, matter, painter, plan)
        return None

    def _admitted(self, frames: Iterator[Frame], rate: Fraction, matter: Matter, plan: Plan) -> Iterator[Frame]:
        """The frames at the plan's detail, thinned out by a governor where there is a budget."""
        matter.use_long_side(plan.settings.long_side)
        if plan.budget is None:
            return frames
        rule = configure(plan.budget, plan.settings.long_side, plan.size, rate)
        return Governor(rule, self._stats, matter.use_long_side, in_turn=True).admitted(frames)

    def _step(self, frame: Frame, matter: Matter, painter: Painter, plan: Plan) -> None:
        self.beat_s = time.perf_counter()
        self._stats.count("in")
        frame = fitted(frame, plan.size, plan.mirror)
        with self._stats.timed("matte"):
            (seen,) = matter.matte([frame])
        with self._stats.timed("paint"):
            painter.paint(seen, self.finished.back)
        self.device = matter.device
        self.beat_s = time.perf_counter()
        dropped = self.finished.replaced
        self.finished.publish(frame.captured_s)
        self._stats.count("dropped", self.finished.replaced - dropped)


def opens_alike(one: Plan, other: Plan) -> bool:
    """Whether both need the same camera and backend, so that neither is opened again."""
    first, second = one.settings, other.settings
    return one.open_source == other.open_source and (
        (first.backend, first.device, first.threads) == (second.backend, second.device, second.threads)
    )


def admits_alike(one: Plan, other: Plan) -> bool:
    """Whether both mat the same frames at the same detail."""
    return (one.budget, one.settings.long_side) == (other.budget, other.settings.long_side)


def fitted(frame: Frame, size: Size, mirror: bool) -> Frame:
    """The frame at the size that leaves, cropped and scaled where the camera's is another, and mirrored if asked."""
    pixels = frame.pixels
    if frame.size != size:
        pixels = fill(to_rgb(pixels), size)
    if mirror:
        pixels = mirrored(pixels)
    return frame if pixels is frame.pixels else Frame(pixels, frame.pts_s, frame.captured_s, frame.cut)


def mirrored(pixels: Pixels) -> Pixels:
    """Left and right changed."""
    if isinstance(pixels, I420):
        y, u, v = (np.ascontiguousarray(plane[:, ::-1]) for plane in (pixels.y, pixels.u, pixels.v))
        return I420(y, u, v, bt709=pixels.bt709, full_range=pixels.full_range)
    return np.ascontiguousarray(pixels[:, ::-1])
