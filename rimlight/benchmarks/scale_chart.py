"""A picture of the simulated day: people, machines and the waiting, from the record's samples."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.benchmarks.charts import DIGEST_KEY, GROUND, INK, OTHERS, digest
from rimlight.benchmarks.plots import COLOURS
from rimlight.benchmarks.records import Record, write_whole
from rimlight.benchmarks.scale_tables import BASE, SHOWN
from rimlight.errors import MissingExtraError

INCHES = (8.0, 6.4)


def draw_scale(record: Record, path: Path) -> Path:
    """People and machines as deployed above; who waits below, by scenario. Raises MissingExtraError, SinkError."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("a chart", "matplotlib", "bench") from error
    figure = Figure(figsize=INCHES, layout="constrained", facecolor=GROUND)
    upper, lower = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 2)})
    _draw_day(upper, record.figures["cases"][BASE]["samples"])
    _draw_waiting(lower, {name: record.figures["cases"][name] for name in SHOWN if name in record.figures["cases"]})
    for panel in (upper, lower):
        panel.set_facecolor(GROUND)
        panel.tick_params(length=0, labelsize=8, colors=INK)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_xlim(0, record.settings["crowd"]["hours"])
    lower.set_xlabel("hour of the day", fontsize=8, color=INK)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, facecolor=GROUND, metadata={DIGEST_KEY: digest(record)})
    write_whole(path, buffer.getvalue())
    return path


def _draw_day(panel: Any, samples: list[list[int]]) -> None:
    at_s, running, _, ready, every = np.array(samples).T
    panel.plot(at_s / 3600, running, color=COLOURS[0], linewidth=1.2)
    panel.set_ylabel("people who are served", fontsize=8, color=COLOURS[0])
    panel.set_ylim(0)
    panel.set_title("A simulated day, as deployed: people, machines", fontsize=9, color=INK, loc="left")
    other = panel.twinx()
    other.plot(at_s / 3600, every, color=OTHERS, linewidth=1, label="machines that are paid for")
    other.plot(at_s / 3600, ready, color=COLOURS[1], linewidth=1, label="machines that take people")
    other.set_ylim(0)
    other.set_ylabel("machines", fontsize=8, color=COLOURS[1])
    other.tick_params(length=0, labelsize=8, colors=INK)
    other.spines[["top", "right"]].set_visible(False)
    other.legend(fontsize=7, frameon=False, loc="upper right")


def _draw_waiting(panel: Any, cases: dict[str, Any]) -> None:
    for colour, (name, case) in zip(COLOURS, cases.items(), strict=False):
        at_s, _, waiting, *_ = np.array(case["samples"]).T
        panel.plot(at_s / 3600, waiting, color=colour, linewidth=0.9, label=name)
    panel.set_ylim(0)
    panel.set_title("People who wait to be let in, or to be let in again", fontsize=9, color=INK, loc="left")
    panel.legend(fontsize=7, frameon=False, loc="upper right")
