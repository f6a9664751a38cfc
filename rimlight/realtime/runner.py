"""From names to a finished run: opens source, backdrop, backend and sink, moves the frames, reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.loop import run
from rimlight.realtime.session import Matter, Painter, Settings
from rimlight.realtime.sinks import Alpha, open_sink
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sources.base import Source
from rimlight.realtime.stats import Snapshot, Stats
from rimlight.types import Frame


@dataclass(frozen=True, slots=True)
class Report:
    """How a run went: the backend that really ran, and the loop's measurements."""

    device: str
    snapshot: Snapshot


def run_stream(
    source: Source, sink: str, settings: Settings, *, alpha: Alpha = True,
    sound_from: str | None = None, stats: Stats | None = None, written: Callable[[Frame], None] = lambda _: None,
) -> Report:  # fmt: skip
    """Mat every frame of an open source and write it to the sink of that name.

    alpha: how a transparent backdrop is written: as the sink's kind does it, or "side-by-side".
    sound_from: a file whose sound goes along. written: called after every frame. The sink's file appears when all is
    done, or when KeyboardInterrupt ends the run early. Raises RimlightError.
    """
    backdrop = open_backdrop(settings.backdrop)
    stats = stats or Stats()
    matter = Matter(settings)
    info = StreamInfo(source.size, source.rate, sound_from)
    try:
        with open_sink(sink, info, alpha=backdrop.transparent and alpha) as opened:
            run(source, matter, Painter(settings, backdrop, opened.wants), opened, stats, written)
        device = matter.backend.device if matter.backend else "none: the source had no frame"
    finally:
        matter.close()
    return Report(device, stats.snapshot())
