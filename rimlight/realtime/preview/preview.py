"""A small window beside a stream: what goes in, the matte, what goes out. An onlooker: nothing of it reaches a sink.

The window is for whoever sits before the camera and shows the raw picture on purpose. The stream's threads only leave
copies, and only when the window asks; composing, converting and drawing happen elsewhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rimlight.compose import EdgeOptions, adjust_edges, low_alpha
from rimlight.realtime.matted import Seen
from rimlight.realtime.preview.drawing import Words, grey, page, seen, shrunk
from rimlight.realtime.stats import Snapshot
from rimlight.realtime.windows.view import View
from rimlight.types import Coefficients, FloatArray, Frame, Size, UInt8Array

TITLE = "rimlight preview: only on this screen, shows the raw camera"
INTERVAL_MS = 66
WAIT_S = 0.2  # how long a preview waits for something new before it tells the state again
OLD_S = 1.0  # a picture older than this is not shown as if it were now
RATE_S = 2.0  # frame rates are means over so long


@dataclass(frozen=True, slots=True)
class Told:
    """What a stream says of itself.

    state: "live", "degraded", "cover", or any other word. reason: why, or "". edges: how the matte's edge is treated.
    """

    state: str
    reason: str
    device: str
    stats: Snapshot
    edges: EdgeOptions = field(default_factory=EdgeOptions)


@dataclass(frozen=True, slots=True)
class _Input:
    """Copies of a frame as the network saw it (3, h, w) and of its alpha's coefficients."""

    small: FloatArray
    coefficients: Coefficients
    full: Size
    came_s: float


@dataclass(slots=True)
class _Rates:
    """Frames per second over the last RATE_S, from counters that grow."""

    began_s: float = 0.0
    before: dict[str, int] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)

    def update(self, counts: dict[str, int], now_s: float) -> dict[str, float]:
        passed_s = now_s - self.began_s
        if not self.rates or passed_s >= RATE_S:
            if self.before:
                self.rates = {name: (counts[name] - self.before.get(name, 0)) / passed_s for name in counts}
            if not self.before or self.rates:
                self.began_s, self.before = now_s, counts
        return self.rates


class Preview:
    """A context manager; `observe` is called with every result of the network, `written` with every frame that left.

    tell: asked by the window's thread for state and figures. open_view: opens the window; tests put a double in
    its place. Opening raises what View raises.
    """

    def __init__(self, tell: Callable[[], Told], open_view: Callable[..., View] = View) -> None:
        self._tell = tell
        self._changed = threading.Condition()
        self._input_asked = self._output_asked = False
        self._input: _Input | None = None
        self._output: tuple[UInt8Array, float] | None = None
        self._rates = _Rates()
        self._view = open_view(TITLE, self.picture, INTERVAL_MS)

    @property
    def open(self) -> bool:
        """Whether the window is still there."""
        return self._view.open

    def observe(self, matted: Seen) -> None:
        """Leave a copy of what the network saw and said, if the window asked for one."""
        if self._input_asked:
            coefficients = Coefficients(matted.coefficients.scale.copy(), matted.coefficients.offset.copy())
            left = _Input(matted.small.copy(), coefficients, matted.frame.size, time.perf_counter())
            with self._changed:
                self._input, self._input_asked = left, False
                self._changed.notify()

    def written(self, frame: Frame) -> None:
        """Leave a small copy of what left, if the window asked for one."""
        if self._output_asked:
            small = shrunk(frame.pixels)
            with self._changed:
                self._output, self._output_asked = (small, time.perf_counter()), False
                self._changed.notify()

    def picture(self) -> UInt8Array:
        """The preview of this moment (H, W, 3): waits up to WAIT_S for something new."""
        with self._changed:
            self._input_asked = self._output_asked = True
            self._changed.wait_for(lambda: not (self._input_asked or self._output_asked), WAIT_S)
            came, left = self._input, self._output
        now_s = time.perf_counter()
        told = self._tell()
        words = self._words(told, now_s)
        output = left[0] if left is not None and now_s - left[1] < OLD_S else None
        if came is None or now_s - came.came_s > OLD_S:
            return page((None, None, output), words)
        alpha = low_alpha(adjust_edges(came.coefficients, came.small, came.full, told.edges), came.small)
        return page((seen(came.small, came.full), grey(alpha, came.full), output), words)

    def close(self) -> None:
        """Take the window away."""
        self._view.close()

    def __enter__(self) -> Preview:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _words(self, told: Told, now_s: float) -> Words:
        shot = told.stats
        rates = self._rates.update(shot.counts, now_s)
        parts = [f"{rates.get('out', 0.0):.1f} fps out", f"{rates.get('in', 0.0):.1f} fps matted"]
        if "latency" in shot.stages:
            latency = shot.stages["latency"]
            parts.append(f"latency {latency.p50_ms:.0f} ms, p95 {latency.p95_ms:.0f}")
        if "long_side" in shot.levels:
            parts.append(f"detail {shot.levels['long_side']:g}")
        return Words(told.state, told.reason, ("   ".join(parts), told.device))
