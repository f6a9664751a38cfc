"""Charts for the README: drawn from records, on a light ground that reads well on dark pages too.

Every picture carries the digest of the figures it was drawn from, so that a stale one is found without drawing.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rimlight.benchmarks.ours import NAME
from rimlight.benchmarks.plots import COLOURS, plot_quality
from rimlight.benchmarks.records import Record, write_whole
from rimlight.errors import MissingExtraError

GROUND, INK, OTHERS = "#fbfaf7", "#1f2937", "#94a3b8"
WIDTH_INCHES, BAR_INCHES = 8.0, 0.28
DIGEST_KEY = "rimlight-figures"


def draw_peers(record: Record, path: Path) -> Path:
    """Bars of milliseconds a frame by size, rimlight and every peer. Raises MissingExtraError, SinkError."""
    figure = _figure({size: pairs for size, pairs in record.figures["sizes"].items() if pairs})
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, facecolor=GROUND, metadata={DIGEST_KEY: digest(record)})
    write_whole(path, buffer.getvalue())
    return path


def draw_quality(record: Record, path: Path) -> Path:
    """plot_quality's chart, with the digest."""
    return plot_quality(record.figures, path, {DIGEST_KEY: digest(record)})


def can_draw(record: Record) -> bool:
    """Whether there is anything to show: a run where every peer was absent has no bars."""
    figures = record.figures
    return any(figures.get("sizes", {}).values()) or bool(figures.get("means") or record.name == "scale")


def digest(record: Record) -> str:
    """What a chart of the record is known by."""
    return hashlib.sha256(json.dumps(record.figures, sort_keys=True).encode()).hexdigest()[:16]


def is_drawn_from(path: Path, record: Record) -> bool:
    """Whether the picture was drawn from these very figures."""
    if not path.is_file():
        return False
    return f"{DIGEST_KEY}\0{digest(record)}".encode() in path.read_bytes()


def times_of(pairs: Mapping[str, Any]) -> dict[str, float]:
    """Median milliseconds by name at one size; rimlight's is the mean over its pairs, quickest first."""
    ours = [pair["ours"]["p50_ms"] for pair in pairs.values()]
    times = {name: pair["theirs"]["p50_ms"] for name, pair in pairs.items()}
    if ours:
        times[NAME] = sum(ours) / len(ours)
    return dict(sorted(times.items(), key=lambda item: item[1]))


def _figure(sizes: Mapping[str, Any]) -> Any:
    """Without pyplot: no window, no state left behind."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("a chart", "matplotlib", "bench") from error
    bars = [len(times_of(pairs)) for pairs in sizes.values()]
    height = BAR_INCHES * sum(bars) + 0.55 * len(bars) + 0.5
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained", facecolor=GROUND)
    panels = figure.subplots(len(sizes), 1, squeeze=False, gridspec_kw={"height_ratios": bars})
    for panel, (size, pairs) in zip(panels[:, 0], sizes.items(), strict=True):
        _draw(panel, size, times_of(pairs))
    figure.suptitle("Milliseconds a frame, RGB frame to composite; less is better", fontsize=10, color=INK)
    return figure


def _draw(panel: Any, size: str, times: Mapping[str, float]) -> None:
    colours = [COLOURS[0] if name == NAME else OTHERS for name in times]
    bars = panel.barh(range(len(times)), list(times.values()), color=colours, height=0.7)
    panel.bar_label(bars, fmt="%.1f", padding=3, fontsize=8, color=INK)
    panel.set_yticks(range(len(times)), list(times), fontsize=8, color=INK)
    panel.invert_yaxis()
    panel.margins(x=0.12)
    panel.set_facecolor(GROUND)
    panel.set_title(size, fontsize=9, color=INK, loc="left")
    panel.tick_params(axis="both", length=0, labelsize=8, colors=INK)
    panel.xaxis.set_visible(False)
    panel.spines[["top", "right", "bottom"]].set_visible(False)
