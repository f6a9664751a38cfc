"""A small window beside a stream that shows input, matte and output."""

from __future__ import annotations

from rimlight.compose import EdgeOptions
from rimlight.realtime.live import Live
from rimlight.realtime.preview.preview import Preview, Told
from rimlight.realtime.stats import Stats

__all__ = ["Preview", "Told", "preview_live", "preview_stats"]


def preview_live(live: Live) -> Preview:
    """An open preview of a live stream that does not run yet; its `written` is to be called with every frame."""

    def tell() -> Told:
        status = live.status()
        return Told(status.state.value, status.reason, status.device, status.stats, status.settings.edges)

    preview = Preview(tell)
    live.observe = preview.observe
    return preview


def preview_stats(stats: Stats, edges: EdgeOptions) -> Preview:
    """An open preview of a run over a file; its `observe` and `written` are to be called by that run."""
    return Preview(lambda: Told("file", "every frame is matted, none is dropped", "", stats.snapshot(), edges))
