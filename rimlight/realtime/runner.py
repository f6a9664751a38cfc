"""From names to a finished run: opens source, backdrop, backend and sink, moves the frames, reports."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from rimlight.errors import SourceError
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.governor import Budget, Governor, configure
from rimlight.realtime.loop import run
from rimlight.realtime.matted import Seen
from rimlight.realtime.session import Matter, Painter, Settings
from rimlight.realtime.sinks import Alpha, open_sink
from rimlight.realtime.sinks.base import ReceiverGoneError, StreamInfo
from rimlight.realtime.sources.base import Source
from rimlight.realtime.stats import Snapshot, Stats
from rimlight.types import Frame


@dataclass(frozen=True, slots=True)
class Report:
    """How a run went: the backend that really ran, and the loop's measurements."""

    device: str
    snapshot: Snapshot


def run_stream(
    source: Source, sink: str, settings: Settings, *, alpha: Alpha = True, sound_from: str | None = None,
    budget: Budget | None = None, stats: Stats | None = None, written: Callable[[Frame], None] = lambda _: None,
    observe: Callable[[Seen], None] | None = None,
) -> Report:  # fmt: skip
    """Mat every frame of an open source and write it to the sink of that name.

    alpha: how a transparent backdrop is written: as the sink's kind does it, or "side-by-side". sound_from: a
    file whose sound goes along. budget: what a live source may use of the machine. written: called after every
    frame; observe: with what the network says of it, before. The sink's file appears when all is done, or when
    KeyboardInterrupt ends the run early; a receiver that wants no more ends the run well. Raises RimlightError.
    """
    if budget is not None and not source.live:
        raise SourceError("a budget is for live sources; every frame of a file is matted at full detail, leave it out")
    backdrop = open_backdrop(settings.backdrop)
    stats = stats or Stats()
    matter = Matter(settings, observe)
    governor = None
    if budget is not None:
        rule = configure(budget, settings.long_side, source.size, source.rate)
        governor = Governor(rule, stats, matter.use_long_side)
    info = StreamInfo(source.size, source.rate, sound_from)
    try:
        with suppress(ReceiverGoneError), open_sink(sink, info, alpha=backdrop.transparent and alpha) as opened:
            run(source, matter, Painter(settings, backdrop, opened.wants), opened, stats, written, governor)
        device = matter.device or "none: the source had no frame"
    finally:
        matter.close()
        backdrop.close()
    return Report(device, stats.snapshot())
