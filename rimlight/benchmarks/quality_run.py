"""`rimlight bench quality`: which matters take part, and what is left of the run: table, record and chart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rimlight.benchmarks.ours import NAME, Ours
from rimlight.benchmarks.peers import gather_peers
from rimlight.benchmarks.plots import plot_quality
from rimlight.benchmarks.quality import Matter, evaluate, render_table
from rimlight.benchmarks.records import results_folder, write_record, write_whole
from rimlight.benchmarks.testset import find_clips
from rimlight.errors import MissingExtraError


@dataclass(frozen=True, slots=True)
class Exam:
    """A folder of clips, our backends and peers by name, threads of each, and whether clips have rows of their own.

    weights: files that take part beside the shipped ones; what they are called must differ.
    """

    folder: Path
    backends: tuple[str, ...] = ("auto",)
    peers: tuple[str, ...] = ()
    threads: int = 2
    per_clip: bool = False
    weights: tuple[Path, ...] = ()


def run(exam: Exam, out: Path | None, report: Callable[[str], None]) -> tuple[str, list[Path]]:
    """Table, and paths of quality.json, quality.md and quality.png in folder out (default: results_folder()).

    Backends and peers that are not here are in all of them with the reason. Without matplotlib there is no chart, and
    report says so. Raises SourceError on a bad folder, BackendError for an unknown backend, WeightsError, SinkError.
    """
    find_clips(exam.folder)  # a bad folder is said before anything is fetched or opened
    ours, absent = _ours(exam.backends)
    ours += [Ours(weights=path) for path in exam.weights]
    peers, more = gather_peers(exam.peers)
    matters: list[Matter] = [*ours, *peers]
    results = evaluate(matters, exam.folder, exam.threads, absent | more, report)
    devices = {matter.name: matter.device for matter in ours}
    results = replace(results, settings={**results.settings, "devices": devices})
    for matter in ours:
        matter.close()
    record, table = results.record(), render_table(results, exam.per_clip)
    folder = out or results_folder()
    paths = [write_record(record, folder), folder / "quality.md"]
    write_whole(paths[1], table.encode())
    try:
        paths.append(plot_quality(record.figures, folder / "quality.png"))
    except MissingExtraError as error:
        report(str(error))
    return table, paths


def _ours(names: tuple[str, ...]) -> tuple[list[Ours], dict[str, str]]:
    present: list[Ours] = []
    absent: dict[str, str] = {}
    for name in names:
        try:
            present.append(Ours(name))
        except MissingExtraError as error:  # noqa: PERF203 - a handful of names
            absent[f"{NAME}-{name}"] = str(error)
    return present, absent
