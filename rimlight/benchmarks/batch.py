"""Many videos through `rimlight batch`: what a second worker brings, and what Ray costs beside processes."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from rimlight.batch.board import Board
from rimlight.batch.driver import Driver
from rimlight.batch.items import Item
from rimlight.batch.local import LocalPool
from rimlight.batch.manifest import Manifest
from rimlight.batch.on_ray import RayPool
from rimlight.batch.plan import Order, prepare, state_folder
from rimlight.batch.pool import Pool
from rimlight.benchmarks.footage import clip_file
from rimlight.benchmarks.machine import Neighbours, relative_spread
from rimlight.benchmarks.ours import check_backend
from rimlight.benchmarks.records import Record
from rimlight.benchmarks.running import Running
from rimlight.benchmarks.tables import markdown
from rimlight.benchmarks.timing import pair_ratios
from rimlight.realtime.session import Settings
from rimlight.types import Size

ALONE, LOOSE, MANY, RAY = "1 worker on 1 core", "1 worker", "workers", "workers on Ray"
COPY_BYTES = 64 << 20  # far more than caches hold
COPY_S = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """videos: copies of the portrait, of so many frames. workers: and cores. rounds: in each, everybody has a turn."""

    size: Size
    videos: int = 4
    frames: int = 60
    workers: int = 2
    rounds: int = 5
    backend: str = "auto"
    detail: int = 512
    ray: bool = True


def measure(load: Load, report: Callable[[str], None]) -> Record:
    """Run the same batch with every crew in turn; report is told what comes next. Raises RimlightError."""
    check_backend(load.backend)
    running, found = Running(), dict[str, list[float]]()
    others: list[float] = []
    copies: list[tuple[float, float]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        clips = _clips(load, folder)
        crews = _crews(load, stack)
        for crew in crews.values():
            _block(crew, load, clips, folder)  # begins its processes, compiles
        for number in range(load.rounds):
            for name, crew in crews.items():
                report(f"round {number + 1} of {load.rounds}: {name}")
                neighbours, before_s = Neighbours(), _spent_s(crew)
                found.setdefault(name, []).append(_block(crew, load, clips, folder))
                if isinstance(crew, LocalPool):
                    others.append(neighbours.share(_spent_s(crew) - before_s) or 0.0)
            copies.append((copied_gib_s(1), copied_gib_s(load.workers)))
    figures = {"crews": {name: _summary(rates) for name, rates in found.items()}} | _ratios(found, copies, load)
    if RAY not in found:
        figures["absent"] = {RAY: "left out" if not load.ray else "Ray is not installed: pip install 'rimlight[ray]'"}
    settings = asdict(load) | {"size": str(load.size)}
    spreads = [relative_spread(rates) for rates in found.values()]
    return running.record("batch", settings, figures, spreads, median(others))


def render(record: Record) -> str:
    """A Markdown table of the record: frames per second of every crew, and what they are beside each other."""
    workers = record.settings["workers"]
    rows = [["crew", "frames/s", "spread"]]
    for name, crew in record.figures["crews"].items():
        shown = name if name in (ALONE, LOOSE) else f"{workers} {name}"
        rows.append([shown, f"{crew['fps']:.1f}", f"{crew['spread']:.0%}"])
    said = {
        "efficiency": f"{workers} workers on as many cores, of {workers} times 1 worker on 1 core",
        "gain": f"{workers} workers / 1 worker with all cores to itself",
        "ray": "time on Ray / time with processes",
        "memory": f"memory copied by {workers} threads, of {workers} times what one copies",
    }
    for name, text in said.items():
        ratio = record.figures.get(name)
        if ratio:
            rows.append([text, f"{ratio['median']:.2f}", f"{ratio['q1']:.2f} to {ratio['q3']:.2f}"])
    return markdown(rows)


def copied_gib_s(threads: int) -> float:
    """Memory that so many threads copy at once, in GiB per second all together."""
    rooms = [(np.ones(COPY_BYTES, np.uint8), np.ones(COPY_BYTES, np.uint8)) for _ in range(threads)]
    counts = [0] * threads
    begun_s = time.perf_counter()

    def copy(number: int) -> None:
        source, target = rooms[number]
        while counts[number] == 0 or time.perf_counter() - begun_s < COPY_S:
            np.copyto(target, source)  # frees the interpreter lock
            counts[number] += 1

    pool = [threading.Thread(target=copy, args=(number,)) for number in range(threads)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    return sum(counts) * COPY_BYTES / (time.perf_counter() - begun_s) / 2**30


def _crews(load: Load, stack: ExitStack) -> dict[str, Pool]:
    crews: dict[str, Pool] = {
        ALONE: stack.enter_context(LocalPool({"cpu": 1})), LOOSE: stack.enter_context(LocalPool({"cpu": 1})),
        MANY: stack.enter_context(LocalPool({"cpu": load.workers})),
    }  # fmt: skip
    _hold(crews[ALONE], load)
    if load.ray and importlib.util.find_spec("ray") is not None:
        crews[RAY] = stack.enter_context(RayPool("local", str(load.workers), "cpu", 1, 0.5))
    return crews


def _hold(pool: Pool, load: Load) -> None:
    """Begin a pool's worker and hold it to one core, before it has threads to compute with."""
    assert isinstance(pool, LocalPool), "processes of this machine can be held"
    pool.give("cpu", 0, Item("probe", Settings(load.backend)))
    while not list(pool.news(0.5)):
        pass
    if hasattr(os, "sched_setaffinity"):
        for pid in pool.pids:
            os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})


def _clips(load: Load, folder: Path) -> Path:
    clips = folder / "in"
    clips.mkdir()
    for number in range(load.videos):
        shutil.copy(clip_file(load.size, load.frames), clips / f"{number}.mp4")
    return clips


def _block(crew: Pool, load: Load, clips: Path, folder: Path) -> float:
    """Frames per second of one batch, processes begun before."""
    out = folder / "out"
    given = {"backend": load.backend, "detail": load.detail}
    order, board = Order([str(clips)], str(out), given), Board()
    with Manifest(state_folder(order.out, None)) as manifest:
        recipe, _ = prepare(order, manifest)
        begun_s = time.perf_counter()
        Driver(manifest, crew, recipe, board).run()
        seconds = time.perf_counter() - begun_s
    shutil.rmtree(out)
    return board.view().frames / seconds


def _spent_s(crew: Pool) -> float:
    """Processor seconds of a pool's processes."""
    import psutil

    if not isinstance(crew, LocalPool):
        return 0.0
    return float(sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in crew.pids))


def _summary(rates: Sequence[float]) -> dict[str, Any]:
    return {"fps": round(median(rates), 2), "spread": round(relative_spread(rates), 4), "blocks": len(rates)}


def _ratios(found: dict[str, list[float]], copies: list[tuple[float, float]], load: Load) -> dict[str, Any]:
    """Efficiencies and overhead, pair by pair of blocks that were run one after the other."""
    alone = [rate * load.workers for rate in found[ALONE]]
    figures: dict[str, Any] = {
        "efficiency": pair_ratios(found[MANY], alone),
        "gain": pair_ratios(found[MANY], found[LOOSE]),
        "memory": pair_ratios([both for _, both in copies], [one * load.workers for one, _ in copies]),
        "copied_gib_s": [round(median(column), 2) for column in zip(*copies, strict=True)],
    }
    if RAY in found:
        figures["ray"] = pair_ratios(found[MANY], found[RAY])
    return figures
