"""Blocks of frames through the real loop, with everything opened before the clock runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from rimlight.benchmarks.machine import relative_spread
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.loop import run
from rimlight.realtime.session import Matter, Painter, Settings
from rimlight.realtime.sinks import open_sink
from rimlight.realtime.sinks.base import PixelFormat, StreamInfo
from rimlight.realtime.sources.base import Source
from rimlight.realtime.stats import Snapshot, Stats

STAGES = ("read", "matte", "paint", "write")
DIGITS = 3


class Stream:
    """A matter and a painter that stay open from block to block; each block is a source of its own.

    A block of frames that nobody counts comes first (see `block`), or the opening of the network is counted.
    """

    def __init__(self, matter: Matter, painter_for: Callable[[PixelFormat], Painter], sink: str) -> None:
        self._matter, self._painter_for, self._sink = matter, painter_for, sink
        self._painter: Painter | None = None

    def block(self, source: Source) -> Snapshot:
        """Run a source to its end; the loop's own measurements of it. Raises RimlightError."""
        stats = Stats()
        with source, open_sink(self._sink, StreamInfo(source.size, source.rate)) as sink:
            self._painter = self._painter or self._painter_for(sink.wants)
            run(source, self._matter, self._painter, sink, stats, lambda _: None)
        return stats.snapshot()


def our_stream(matter: Matter, settings: Settings, sink: str) -> Stream:
    """A stream of rimlight; the matter may serve several streams, one at a time."""
    return Stream(matter, lambda wants: Painter(settings, open_backdrop(settings.backdrop), wants), sink)


def figures_of(blocks: Sequence[Snapshot]) -> dict[str, Any]:
    """Medians over the blocks: fps with its spread, latency percentiles and each stage's p50, all in milliseconds."""
    rates = [block.fps for block in blocks]
    latencies = [block.stages["latency"] for block in blocks]
    stages = {
        name: round(median(block.stages[name].p50_ms for block in blocks), DIGITS)
        for name in STAGES
        if name in blocks[0].stages
    }
    return {
        "fps": round(median(rates), DIGITS),
        "fps_spread": round(relative_spread(rates), DIGITS),
        "blocks": len(blocks),
        "frames": min(block.counts.get("out", 0) for block in blocks),
        "latency_ms": {
            name: round(median(getattr(times, f"{name}_ms") for times in latencies), DIGITS)
            for name in ("p50", "p95", "p99")
        },
        "stages_ms": stages,
    }
