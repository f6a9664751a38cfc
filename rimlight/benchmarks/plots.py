"""Charts of records: drawn from the JSON figures, so that a chart can be redrawn without a new run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rimlight.benchmarks.records import write_whole
from rimlight.errors import MissingExtraError, SourceError

SHOWN = (("rvm_lr", "rvm_hr"), ("MAD", "MSE", "Grad", "Conn", "dtSSD"))
PANEL_INCHES = (2.6, 0.32)  # a panel's width, and its height for each bar
COLOURS = ("#c2410c", "#1d4ed8", "#0f766e", "#7c3aed", "#a16207", "#475569")


def plot_quality(figures: Mapping[str, Any], path: Path, texts: Mapping[str, str] | None = None) -> Path:
    """Bar charts of the means as PNG: a row for each size, a panel for each measure, a bar for each matter.

    figures: of a record by QualityResults.record. texts: to be kept in the file, by key. Returns path.
    Raises MissingExtraError without matplotlib, SourceError if the figures are not of a quality record, SinkError if
    the path cannot be written.
    """
    means = figures.get("means")
    if not means:
        raise SourceError(f"expected figures of a quality record with means, got {sorted(figures)}")
    figure = _figure_of(means)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "chart.png"
        figure.savefig(draft, dpi=150, metadata=dict(texts or {}))
        write_whole(path, draft.read_bytes())
    return path


def _figure_of(means: Mapping[str, Any]) -> Any:
    """Without pyplot: no window, no state left behind."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("a chart", "matplotlib", "bench") from error
    bars = max(len(matters) for matters in means.values())
    columns, rows = len(SHOWN[1]), len(means)
    inches = (PANEL_INCHES[0] * columns, (PANEL_INCHES[1] * bars + 0.9) * rows)
    figure = Figure(figsize=inches, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for row, (size, matters) in zip(panels, means.items(), strict=True):
        for panel, measure in zip(row, SHOWN[1], strict=True):
            _draw(panel, measure, size, _values(matters, measure))
    figure.suptitle("Mean over clips; smaller is better", fontsize=10)
    return figure


def _values(matters: Mapping[str, Any], measure: str) -> dict[str, float]:
    values = {}
    for matter, scores in matters.items():
        for convention in SHOWN[0]:
            if measure in scores.get(convention, {}):
                values[matter] = scores[convention][measure]
    return values


def _draw(panel: Any, measure: str, size: str, values: Mapping[str, float]) -> None:
    if not values:  # a convention leaves a measure out
        panel.set_axis_off()
        return
    places = list(range(len(values)))
    colours = [COLOURS[place % len(COLOURS)] for place in places]
    bars = panel.barh(places, list(values.values()), color=colours)
    panel.bar_label(bars, fmt="%.2f", padding=2, fontsize=7)
    panel.set_yticks(places, list(values), fontsize=7)
    panel.invert_yaxis()
    panel.margins(x=0.25)
    panel.tick_params(axis="x", labelsize=6)
    panel.set_title(f"{measure}, {size}", fontsize=8)
    panel.spines[["top", "right"]].set_visible(False)
