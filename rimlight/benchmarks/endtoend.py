"""A decoded file to finished planes, as fast as it goes: ours and RVM in the same loop, block by block in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.benchmarks.footage import backdrop, clip_file
from rimlight.benchmarks.machine import held_to
from rimlight.benchmarks.ours import check_backend
from rimlight.benchmarks.peers import gather_peers
from rimlight.benchmarks.peers.rvm import RobustVideoMatting
from rimlight.benchmarks.records import Record
from rimlight.benchmarks.rivals import HOW, matter_of, painter_of
from rimlight.benchmarks.running import Running
from rimlight.benchmarks.sources import Limited
from rimlight.benchmarks.split import Split, SplitRun
from rimlight.benchmarks.streams import Stream, figures_of
from rimlight.benchmarks.tables import markdown, milliseconds
from rimlight.benchmarks.timing import pair_ratios
from rimlight.realtime.backdrops import Picture
from rimlight.realtime.session import Matter, Painter, Settings
from rimlight.realtime.sources.file import FileSource
from rimlight.realtime.stats import Snapshot
from rimlight.types import Size

RVM = RobustVideoMatting.name
WARM_UP = 3  # frames of the block that nobody counts


@dataclass(frozen=True, slots=True)
class Race:
    """source: a video, or None for the portrait at size. ratios: RVM's downsample ratios, each a rival of its own.

    jobs: processes of one more stream of ours that splits the file, none below 2.
    """

    size: Size
    source: Path | None = None
    sink: str = "null:i420"
    ratios: tuple[float, ...] = (0.25, 0.4)
    backend: str = "auto"
    blocks: int = 5
    frames: int = 90
    threads: int = 2
    jobs: int = 2


def race(asked: Race, report: Callable[[str], None]) -> Record:
    """Run every block; report is told what comes next. RVM, where it is absent, is in the record with its reason.

    Raises SourceError if the source is no video, BackendError for ours, SinkError for the sink.
    """
    check_backend(asked.backend)
    running = Running()
    with held_to(asked.threads) as held, ExitStack() as stack:
        path = asked.source or clip_file(asked.size)
        with FileSource(path) as source:
            size = source.size
        matter, ours = _ours(asked, size)
        stack.callback(matter.close)
        rivals, absent = _rivals(asked, size)
        split = None
        if asked.jobs > 1:
            request = SplitRun(size, asked.source, asked.sink, asked.backend, asked.jobs)
            split = stack.enter_context(Split(request))
        found = race_in_turn(ours, rivals, path, asked, report, split)
        device = matter.device or "none: the source had no frame"
    settings = {
        "source": path.name, "size": str(size), "sink": asked.sink, "blocks": asked.blocks, "frames": asked.frames,
        "threads": asked.threads, "held": held, "backend": asked.backend, "jobs": asked.jobs,
    }  # fmt: skip
    figures = {"ours": device, "how": HOW, "absent": absent, **found}
    spreads = [rate["fps_spread"] for rate in found["streams"].values()]
    return running.record("endtoend", settings, figures, spreads)


def race_in_turn(
    ours: Stream, rivals: dict[str, Stream], path: Path, asked: Race, report: Callable[[str], None],
    split: Split | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Ours, first rival, ours, second rival, …, split, for each block; figures, and the ratios ours/theirs of fps."""
    for stream in (ours, *rivals.values()):
        stream.block(Limited(path, WARM_UP))
    mine: dict[str, list[Snapshot]] = {name: [] for name in rivals}
    theirs: dict[str, list[Snapshot]] = {name: [] for name in rivals}
    shared: list[Snapshot] = []
    alone = [] if rivals else [ours.block(Limited(path, asked.frames)) for _ in range(asked.blocks)]
    for block in range(asked.blocks if rivals else 0):
        report(f"block {block + 1} of {asked.blocks}")
        for name, rival in rivals.items():
            mine[name].append(ours.block(Limited(path, asked.frames)))
            theirs[name].append(rival.block(Limited(path, asked.frames)))
        if split is not None:
            shared.append(split.block())
    everything = alone + [block for blocks in mine.values() for block in blocks]
    streams = {"rimlight": figures_of(everything)} | {name: figures_of(blocks) for name, blocks in theirs.items()}
    ratios = {name: pair_ratios(_rates(mine[name]), _rates(theirs[name])) for name in rivals}
    split_ratios = {name: pair_ratios(_rates(shared), _rates(theirs[name])) for name in rivals if shared}
    if shared:
        streams[f"rimlight, {asked.jobs} jobs"] = figures_of(shared)
    return {"streams": streams, "ratios": ratios, "split_ratios": split_ratios}


def render(record: Record) -> str:
    """A Markdown table of the record: a row for each stream, its stages in ms, and how much faster rimlight is."""
    jobs = f"{record.settings.get('jobs', 0)} jobs / it"
    rows = [["stream", "fps", "spread", "read ms", "matte ms", "paint ms", "rimlight / it", jobs]]
    for name, stream in record.figures["streams"].items():
        stages = [milliseconds(stream["stages_ms"].get(stage)) for stage in ("read", "matte", "paint")]
        compared = [_range(record.figures.get(kind, {}).get(name)) for kind in ("ratios", "split_ratios")]
        rows.append([name, f"{stream['fps']:.1f}", f"{stream['fps_spread']:.0%}", *stages, *compared])
    absent = [f"absent: {name}: {reason}" for name, reason in record.figures["absent"].items()]
    return "\n\n".join([markdown(rows), *absent])


def _range(ratio: dict[str, float] | None) -> str:
    """Median of a ratio with its quartiles."""
    return f"{ratio['median']:.2f} ({ratio['q1']:.2f} to {ratio['q3']:.2f})" if ratio else "-"


def _ours(asked: Race, size: Size) -> tuple[Matter, Stream]:
    settings = Settings(asked.backend, threads=asked.threads)
    matter = Matter(settings)
    return matter, Stream(matter, lambda wants: Painter(settings, Picture(backdrop(size)), wants), asked.sink)


def _rivals(asked: Race, size: Size) -> tuple[dict[str, Stream], dict[str, str]]:
    present, absent = gather_peers([RVM])
    if not present:
        return {}, absent
    return {f"{RVM} {ratio:g}": _rival(asked, size, ratio) for ratio in asked.ratios}, absent


def _rival(asked: Race, size: Size, ratio: float) -> Stream:
    peer = RobustVideoMatting(ratio=ratio)
    peer.open(size, asked.threads)
    behind = backdrop(size)
    return Stream(matter_of(peer), lambda wants: painter_of(behind, wants), asked.sink)


def _rates(blocks: Sequence[Snapshot]) -> list[float]:
    return [block.fps for block in blocks]
