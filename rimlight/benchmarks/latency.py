"""How long a frame takes: stage by stage, and through the real loop as a file and as a camera."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.backends import BACKENDS, Backend, installed
from rimlight.benchmarks.footage import FRAMES, clip_file, decoded
from rimlight.benchmarks.ours import check_backend
from rimlight.benchmarks.records import Record
from rimlight.benchmarks.running import Running
from rimlight.benchmarks.sources import Limited, Paced
from rimlight.benchmarks.stages import (
    Scene,
    blur_cases,
    coefficients_of,
    network_cases,
    open_backends,
    pass_cases,
    scene_of,
    shrink_cases,
    tail_cases,
)
from rimlight.benchmarks.streams import Stream, figures_of, our_stream
from rimlight.benchmarks.tables import markdown, milliseconds
from rimlight.benchmarks.timing import Case, Clock, summary, time_in_turn
from rimlight.errors import BackendError
from rimlight.realtime.session import Matter, Settings
from rimlight.realtime.sources.base import Source
from rimlight.realtime.sources.file import FileSource
from rimlight.realtime.stats import Snapshot
from rimlight.types import Size

Row = dict[str, Any]
SINKS = ("null", "null:i420")
CAMERA_SINK = "null:i420"
CAMERA_FRAMES = 24  # pictures in memory that a camera's frames are made of
WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What is timed. backends: of the network step; the first one that opens carries the streams. repeats: of every
    stage; blocks and frames: of every stream; 0 repeats or blocks leave that part out. source: a video, or None for the
    portrait at each size.
    """

    sizes: tuple[Size, ...]
    backends: tuple[str, ...]
    settings: Settings
    repeats: int = 100
    blocks: int = 3
    frames: int = FRAMES
    source: Path | None = None


def usual_backends() -> tuple[str, ...]:
    """Every installed backend with a real network."""
    return tuple(name for name in BACKENDS if name != "fake" and installed(name))


def measure(plan: Plan, report: Callable[[str], None], clock: Clock | None = None) -> Record:
    """Time stages and streams; report is told what comes next. Backends that do not open are in the record as absent.

    Raises BackendError if none of them opens, SourceError if the source is no video.
    """
    for name in plan.backends:
        check_backend(name)
    running = Running()
    scenes = [scene_of(size, plan.settings.long_side) for size in plan.sizes]
    with _Opened(plan, scenes, report) as opened:
        stages = _stages(plan, scenes, opened, report, clock) if plan.repeats else []
    streams = _streams(plan, opened.first, report) if plan.blocks else []
    options = {
        "sizes": [str(size) for size in plan.sizes], "repeats": plan.repeats, "blocks": plan.blocks,
        "frames": plan.frames, "detail": plan.settings.long_side, "threads": plan.settings.threads,
        "source": plan.source.name if plan.source else None, "streams_backend": opened.first,
    }  # fmt: skip
    figures = {"devices": opened.devices, "absent": opened.absent, "stages": stages, "streams": streams}
    return running.record("latency", options, figures, [row["spread"] for row in stages])


def render_stages(record: Record) -> str:
    """A Markdown table of the stages: median, p95 and p99 in ms."""
    rows = [["stage", "kind", "size", "p50 ms", "p95 ms", "p99 ms"]]
    for row in record.figures["stages"]:
        times = [milliseconds(row[f"p{part}_ms"]) for part in (50, 95, 99)]
        rows.append([row["stage"], row["kind"], row["size"], *times])
    return markdown(rows)


def render_streams(record: Record) -> str:
    """A Markdown table of the streams: frames per second, latency percentiles and the stages' medians in ms."""
    rows = [["source", "size", "sink", "fps", "latency p50 ms", "p95", "p99", "read", "matte", "paint"]]
    for row in record.figures["streams"]:
        latency = [milliseconds(row["latency_ms"][part]) for part in ("p50", "p95", "p99")]
        stages = [milliseconds(row["stages_ms"].get(stage)) for stage in ("read", "matte", "paint")]
        rows.append([row["source"], row["size"], row["sink"], f"{row['fps']:.1f}", *latency, *stages])
    return markdown(rows)


def render(record: Record) -> str:
    """Both tables, with what ran and what was absent."""
    parts = [render_stages(record)] if record.figures["stages"] else []
    parts += [render_streams(record)] if record.figures["streams"] else []
    ran = [f"{name}: {device}" for name, device in record.figures["devices"].items()]
    absent = [f"absent: {name}: {reason}" for name, reason in record.figures["absent"].items()]
    return "\n\n".join([*parts, "\n".join(ran + absent)])


class _Opened:
    """The plan's backends at every internal size; first: the name of the first that opened."""

    def __init__(self, plan: Plan, scenes: Sequence[Scene], report: Callable[[str], None]) -> None:
        self.by_size: dict[Size, dict[str, Backend]] = {}
        self.devices: dict[str, str] = {}
        self.absent: dict[str, str] = {}
        for small in {scene.small for scene in scenes}:
            report(f"{small}: opening {', '.join(plan.backends)}")
            self.by_size[small], absent = open_backends(plan.backends, small, plan.settings)
            self.absent |= absent
            self.devices |= {name: backend.device for name, backend in self.by_size[small].items()}
        if not self.devices:
            raise BackendError("; ".join(self.absent.values()) or "expected at least one backend")
        self.first = next(iter(self.devices))

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        for backends in self.by_size.values():
            for backend in backends.values():
                backend.close()


def _stages(
    plan: Plan, scenes: Sequence[Scene], opened: _Opened, report: Callable[[str], None], clock: Clock | None
) -> list[Row]:  # fmt: skip
    """A row of times for every stage, kind and size."""
    cases: dict[tuple[str, ...], Case] = {}
    for scene in scenes:
        backends = opened.by_size[scene.small]
        coefficients = coefficients_of(backends[opened.first], scene)
        inner = [*network_cases(backends, scene), *tail_cases(scene), *blur_cases(scene, coefficients)]
        found = [*shrink_cases(scene), *inner, *pass_cases(scene, coefficients)]
        cases |= {case.labels: case for case in found if case.labels not in cases}  # sizes may share their inner one
    report(f"{len(cases)} stages, {plan.repeats} rounds")
    times = time_in_turn(list(cases.values()), plan.repeats, WARM_UP, clock)
    names = ("stage", "kind", "size")
    return [dict(zip(names, labels, strict=True)) | summary(seconds) for labels, seconds in times.items()]


def _streams(plan: Plan, backend: str, report: Callable[[str], None]) -> list[Row]:
    """Files to each sink and a camera at 30 frames per second, block by block in turn."""
    settings = Settings(
        backend, device=plan.settings.device, long_side=plan.settings.long_side, threads=plan.settings.threads
    )  # fmt: skip
    matter = Matter(settings)
    paths = [plan.source] if plan.source else [clip_file(size) for size in plan.sizes]
    lanes = [lane for path in paths for lane in _lanes(path, plan, matter, settings)]
    blocks: list[list[Snapshot]] = [[] for _ in lanes]
    for turn in range(plan.blocks):
        report(f"streams, block {turn + 1} of {plan.blocks}")
        for lane, found in zip(lanes, blocks, strict=True):
            lane.stream.block(lane.source(WARM_UP))  # another size opens the network anew
            found.append(lane.stream.block(lane.source(plan.frames)))
    matter.close()
    return [lane.labels | figures_of(found) for lane, found in zip(lanes, blocks, strict=True)]


@dataclass(frozen=True, slots=True)
class _Lane:
    labels: dict[str, str]
    stream: Stream
    source: Callable[[int], Source]


def _lanes(path: Path, plan: Plan, matter: Matter, settings: Settings) -> Sequence[_Lane]:
    """The streams of one file."""
    with FileSource(path) as source:
        size, rate = source.size, source.rate
    held = decoded(path, min(CAMERA_FRAMES, plan.frames))
    files = [
        _Lane(
            {"source": "file", "size": str(size), "sink": sink},
            our_stream(matter, settings, sink),
            lambda most: Limited(path, most),
        )
        for sink in SINKS
    ]
    camera = _Lane(
        {"source": f"camera, {float(rate):g} fps", "size": str(size), "sink": CAMERA_SINK},
        our_stream(matter, settings, CAMERA_SINK),
        lambda most: Paced(held, rate, most),
    )
    return [*files, camera]
