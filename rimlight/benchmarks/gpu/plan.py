"""A run of `rimlight bench gpu`: which cases, in which order, and the record that comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rimlight.benchmarks.gpu.cases import Case
from rimlight.benchmarks.gpu.facts import before_and_after, gpus
from rimlight.benchmarks.gpu.race import race, table
from rimlight.benchmarks.records import Record
from rimlight.benchmarks.running import Running
from rimlight.errors import BackendError, MissingExtraError
from rimlight.signature import internal_size
from rimlight.types import Size

NAME, STAND_IN = "gpu", "gpu-stand-in"
OURS, RVM = "rimlight torch", "rvm"
NETWORK, FRAME, BUS = "network", "frame on the GPU", "frame up and down"
TARGET_SIZE, TARGET_MS, TARGET_TIMES = Size(1080, 1920), 0.8, 4.0
NO_MEASUREMENT = "STAND-IN, NO MEASUREMENT: no GPU was used; the figures only show that the run works."
HOW = (
    "network: the picture at its size to coefficients. frame on the GPU: uint8 planes in the GPU's memory to finished "
    "planes before their own blur there; for rvm a half-precision picture to foreground and alpha, no composite. "
    "frame up and down: the same from and to the host's memory."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """sizes: of frames. streams: frames of one call. seconds: of each case. peers: folder of the peers' models.

    device: "cuda", or "cpu" to try the run itself out; what comes of that is no measurement and says so. limit_s: when
    that is over, no group of cases is begun any more, and those left out are absent. engine_level: how long TensorRT
    searches when it builds, 0 to 5, None for its own choice.
    """

    sizes: tuple[Size, ...]
    streams: tuple[int, ...] = (1, 8, 32)
    device: str = "cuda"
    long_side: int = 512
    seconds: float = 1.0
    rounds: int = 3
    limit_s: float | None = None
    engine_level: int | None = None
    peers: Path | None = None

    @property
    def stands_in(self) -> bool:
        return not self.device.startswith("cuda")


def measure(plan: Plan, report: Callable[[str], None]) -> Record:
    """Run all groups of cases; report is told what comes next. What cannot be had is in the record with its reason.

    Raises MissingExtraError without PyTorch, BackendError without a GPU or where nothing could be timed.
    """
    _check(plan)
    running, before = Running(), gpus()
    rows: list[dict[str, Any]] = []
    absent: dict[str, str] = {}
    begin_s = time.perf_counter()
    for name, cases in _groups(plan):
        if plan.limit_s is not None and time.perf_counter() - begin_s > plan.limit_s:
            absent[name] = f"the {plan.limit_s:g} seconds were over"
            continue
        report(name)
        more, missing = race(cases, plan.seconds, plan.rounds)
        rows += more
        absent |= missing
        _forget()
    if not rows:
        raise BackendError(f"nothing could be timed: {'; '.join(absent.values())}")
    settings = {
        "sizes": [str(size) for size in plan.sizes], "streams": list(plan.streams), "device": plan.device,
        "long_side": plan.long_side, "seconds": plan.seconds, "rounds": plan.rounds, "engine_level": plan.engine_level,
    }  # fmt: skip
    figures = {
        "how": HOW, "rows": rows, "absent": absent, "gpu": before_and_after(before), "stand_in": plan.stands_in,
        "times_rvm": times_rvm(rows),
    }  # fmt: skip
    spreads = [row["fps_spread"] for row in rows]
    return running.record(STAND_IN if plan.stands_in else NAME, settings, figures, spreads)


def render(record: Record) -> str:
    """The table, what was absent, and how the targets fared; a stand-in's says first that it is no measurement."""
    figures = record.figures
    parts = [NO_MEASUREMENT] if figures["stand_in"] else []
    parts.append(table(figures["rows"]))
    parts += [f"times RVM, frames on the GPU, {name}: {times:.2f}" for name, times in figures["times_rvm"].items()]
    parts += [f"absent: {name}: {reason}" for name, reason in figures["absent"].items()]
    if not figures["stand_in"]:
        parts += targets(figures["rows"], figures["times_rvm"])
    return "\n\n".join(parts)


def times_rvm(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """How many times RVM's frames per second ours are, by size and streams."""
    rates = {(row["who"], row["what"], row["size"], row["streams"]): row["fps"] for row in rows}
    found = {}
    for (who, what, size, streams), fps in rates.items():
        theirs = rates.get((RVM, FRAME, size, streams))
        if who == OURS and what == FRAME and theirs:
            found[f"{size} x {streams}"] = round(fps / theirs, 3)
    return found


def targets(rows: Sequence[dict[str, Any]], times: dict[str, float]) -> list[str]:
    """A line for each target: what was wanted, what was found."""
    size = str(TARGET_SIZE)
    ours = [row for row in rows if row["size"] == size and row["streams"] == 1 and row["what"] == FRAME]
    found = min((row["p50_ms"] for row in ours if row["who"] != RVM), default=None)
    rate = times.get(f"{size} x 1")
    return [
        _target(f"p50 of a {size} frame below {TARGET_MS} ms", found, found is not None and found < TARGET_MS),
        _target(f"at least {TARGET_TIMES:g} times RVM at {size}", rate, rate is not None and rate >= TARGET_TIMES),
    ]


def _target(wanted: str, found: float | None, met: bool) -> str:
    return f"target: {wanted}: {'not measured' if found is None else f'{found:.3f}'}, {'met' if met else 'NOT met'}"


def _check(plan: Plan) -> None:
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("the GPU benchmark", "PyTorch", "torch") from error
    if not plan.stands_in and not torch.cuda.is_available():
        raise BackendError(
            f"device {plan.device!r} was asked for, but PyTorch sees no GPU; try the run with --device cpu"
        )


def _groups(plan: Plan) -> Iterator[tuple[str, list[Case]]]:
    """Cases that take turns, with the group's name: the network by internal size, whole frames by size."""
    from rimlight.benchmarks.gpu import opening

    smalls = dict.fromkeys(internal_size(size, plan.long_side) for size in plan.sizes)
    for streams in plan.streams:
        for small in smalls:
            kinds = opening.networks(plan.device, small, streams, plan.engine_level)
            yield f"network {small}, {streams}", [Case(who, NETWORK, small, streams, call) for who, call in kinds]
        for size in plan.sizes:
            small = internal_size(size, plan.long_side)
            cases = [
                Case(who, FRAME, size, streams, call) for who, call in opening.frames(plan.device, size, small, streams)
            ]
            theirs = partial(opening.rvm, plan.device, size, streams, plan.peers)
            cases.append(Case(RVM, FRAME, size, streams, theirs))
            if streams == 1:
                cases += [
                    Case(who, BUS, size, 1, call)
                    for who, call in opening.paths(plan.device, size, small, plan.engine_level)
                ]
            yield f"frames {size}, {streams}", cases


def _forget() -> None:
    """Give the memory of what was closed back to the device, so that the next group has all of it."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
