"""How many frames a second the studio's editor propagates, by the size at which the network sees them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from rimlight.benchmarks.footage import clip_file
from rimlight.benchmarks.records import Record
from rimlight.benchmarks.running import Running
from rimlight.benchmarks.tables import figure, markdown, milliseconds
from rimlight.benchmarks.timing import Case, summary, time_in_turn
from rimlight.realtime.session import Settings
from rimlight.studio.edit.desk import Desk
from rimlight.studio.edit.run import open_project
from rimlight.studio.networks import Networks
from rimlight.studio.strokes import base_of
from rimlight.studio.trimaps import trimap_of_matte
from rimlight.types import Size

INTERACTIVE_HZ = 5.0
WARM_UP = 2  # steps that do not count


@dataclass(frozen=True, slots=True)
class Trial:
    """sizes: of videos. long_sides: of the network's picture. repeats: frames of each. threads: of the network."""

    sizes: tuple[Size, ...]
    long_sides: tuple[int, ...]
    threads: int = 2
    repeats: int = 12


class Timed(NamedTuple):
    """Seconds of every step: by the clock, and of all processors."""

    seconds: list[float]
    spent: list[float]


def measure(trial: Trial, networks: Networks, say: Callable[[str], None] = lambda _: None) -> Record:
    """Time the editor's step to the next frame: decode it, propagate its trimap, encode that for the page."""
    running = Running()
    rows: list[dict[str, Any]] = []
    for size in trial.sizes:
        with tempfile.TemporaryDirectory() as folder:
            found = _steps(clip_file(size), Path(folder), trial, networks)
        for long_side, timed in found.items():
            row: dict[str, Any] = {"video": str(size), "long_side": long_side, **summary(timed.seconds)}
            rows.append(row | {"fps": round(1000 / row["p50_ms"], 3), "cpu_ms": round(1000 * median(timed.spent), 2)})
            say(f"{size} at {long_side}: {rows[-1]['fps']:.2f} frames a second")
    settings = {
        "sizes": list(map(str, trial.sizes)), "long_sides": list(trial.long_sides), "threads": trial.threads,
        "repeats": trial.repeats, "device": networks.device,
    }  # fmt: skip
    spreads = [row["spread"] for row in rows]
    return running.record("studio-edit", settings, {"rows": rows, "largest": _largest(rows)}, spreads)


def render(record: Record) -> str:
    """A Markdown table, a row for each size."""
    head = ["video", "network's long side", "ms a frame", "frames a second", "ms of all processors"]
    rows = [
        [
            row["video"],
            str(row["long_side"]),
            milliseconds(row["p50_ms"]),
            figure(row["fps"]),
            milliseconds(row["cpu_ms"]),
        ]
        for row in record.figures["rows"]
    ]
    return markdown([head, *rows])


def _steps(video: Path, folder: Path, trial: Trial, networks: Networks) -> dict[int, Timed]:
    """Every step, by the network's long side."""
    project = open_project(video, folder / "project.json")
    height, width = project.survey.size.height, project.survey.size.width
    alpha = np.zeros((height, width), np.float32)
    alpha[height // 4 :, width // 3 : 2 * width // 3] = 1
    project.add(0, base_of(trimap_of_matte(alpha), "drawn"))
    live = Settings(threads=trial.threads)
    repeats = min(trial.repeats, project.survey.count - WARM_UP - 1)
    return {side: _timed(Desk(project, networks, live, side), side, repeats) for side in trial.long_sides}


def _timed(desk: Desk, long_side: int, repeats: int) -> Timed:
    """The steps of one desk, which is closed after."""
    frames = iter(range(1, desk.project.survey.count))
    spent: list[float] = []

    def step() -> None:
        begin_s = time.process_time()
        desk.propagate(next(frames))
        spent.append(time.process_time() - begin_s)

    case = Case((str(long_side),), step)
    with closing(desk):
        return Timed(time_in_turn([case], repeats, WARM_UP)[case.labels], spent[WARM_UP:])


def _largest(rows: list[dict[str, Any]]) -> dict[str, int | None]:
    """The largest long side at which propagation is interactive, by the video's size."""
    reached: dict[str, int | None] = {}
    for row in rows:
        reached.setdefault(row["video"], None)
        if row["fps"] >= INTERACTIVE_HZ:
            reached[row["video"]] = max(reached[row["video"]] or 0, row["long_side"])
    return reached
