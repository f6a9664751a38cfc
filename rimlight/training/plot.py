"""The losses of a run as a picture, drawn from its log."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.errors import MissingExtraError, TrainingError
from rimlight.training import log

INCHES = (11.0, 7.0)
COLOURS = ("#c2410c", "#1d4ed8", "#0f766e", "#7c3aed", "#a16207", "#475569", "#be185d", "#15803d")
SMOOTHING = 50  # of the run's length: a line is a mean over this share of it


def draw(log_path: Path, path: Path) -> Path:
    """Draw total, every loss, the learning rates and the gradient's length over steps as PNG; returns path.

    Thin lines are steps, thick ones their moving means; dotted lines are where stages begin. Raises MissingExtraError
    without matplotlib, TrainingError if the log cannot be read or the picture not be written.
    """
    columns = log.read(log_path)
    figure = _figure(columns)
    draft = path.with_name(f".{path.name}")
    try:
        figure.savefig(draft, dpi=110, format="png")
        os.replace(draft, path)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror or error}; choose another --out") from error
    return path


def _figure(columns: dict[str, list[float | str | None]]) -> Any:
    """Without pyplot: no window, no state left behind."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("a picture of the losses", "matplotlib", "train") from error
    figure = Figure(figsize=INCHES, layout="constrained")
    panels = figure.subplots(2, 2, sharex=True).flat
    losses = [name for name in log.losses_in(columns) if not all(map(math.isnan, log.numbers(columns, name)))]
    groups = (["total"], losses, log.RATES, ["grad_norm"])
    for panel, names, title in zip(panels, groups, ("total", "losses", "learning rates", "gradient"), strict=True):
        _draw(panel, columns, names)
        panel.set_title(title, fontsize=9, loc="right")
    return figure


def _draw(panel: Any, columns: dict[str, list[float | str | None]], names: Sequence[str]) -> None:
    steps = log.numbers(columns, "step")
    for index, name in enumerate(names):
        values = [value or math.nan for value in log.numbers(columns, name)]  # 0 has no place on a logarithmic scale
        colour = COLOURS[index % len(COLOURS)]
        style = "-" if index < len(COLOURS) else "--"
        panel.plot(steps, values, color=colour, linewidth=0.4, alpha=0.35)
        panel.plot(steps, smoothed(values), style, color=colour, linewidth=1.4, label=name)
    if any(value > 0 for name in names for value in log.numbers(columns, name)):
        panel.set_yscale("log")
    for step, stage, before in zip(steps, columns["stage"], [None, *columns["stage"]], strict=False):
        if stage != before:
            panel.axvline(step, color="#94a3b8", linewidth=0.8, linestyle=":")
            panel.annotate(str(stage), (step, 1), xycoords=("data", "axes fraction"), fontsize=7, va="bottom")
    panel.legend(fontsize=6, ncols=2, frameon=False)
    panel.tick_params(which="both", labelsize=7)
    panel.spines[["top", "right"]].set_visible(False)


def smoothed(values: Sequence[float]) -> list[float]:
    """Moving means over the last SMOOTHING-th of all values; what is nan is left out, and nan where nothing is left."""
    numbers = np.asarray(values, dtype=np.float64)
    there = ~np.isnan(numbers)
    sums = np.concatenate([[0.0], np.cumsum(np.where(there, numbers, 0.0))])
    counts = np.concatenate([[0], np.cumsum(there)])
    ends = np.arange(1, len(numbers) + 1)
    starts = np.maximum(0, ends - max(1, len(numbers) // SMOOTHING))
    width = counts[ends] - counts[starts]
    means = (sums[ends] - sums[starts]) / np.maximum(width, 1)
    return [float(mean) for mean in np.where(width > 0, means, np.nan)]
