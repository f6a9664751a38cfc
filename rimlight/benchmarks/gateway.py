"""How long a page is without its person when the worker that it is on goes away, behind a gateway with another worker.

A kill is the death of a process: its port is closed at once. A freeze is a machine that says nothing any more: its
connections neither end nor answer. Times count from the fault; pictures are looked at in the browser, as shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rimlight.benchmarks.records import Record
from rimlight.benchmarks.running import Running
from rimlight.benchmarks.tables import markdown

TARGET_S = 3.0
MOMENTS = ("noticed_s", "asked_s", "connected_s", "covered_s", "live_s")
Rounds = Callable[[Sequence[str], str], AsyncIterator[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """rounds: of each fault, in turn. faults: kill, freeze. backend: of the workers."""

    rounds: int = 5
    faults: tuple[str, ...] = ("kill", "freeze")
    backend: str = "fake"


def measure(asked: Plan, report: Callable[[str], None], rounds: Rounds | None = None) -> Record:
    """Run the plan; report is told what was found. rounds: in place of a browser. Raises RimlightError."""
    running = Running()
    runs = asyncio.run(_found(asked, report, rounds or _real_rounds()))
    faults = [_summary(fault, [run for run in runs if run["fault"] == fault]) for fault in asked.faults]
    settings = {"rounds": asked.rounds, "backend": asked.backend, "target_s": TARGET_S}
    return running.record("gateway", settings, {"faults": faults})


def render(record: Record) -> str:
    """A Markdown table: a row for each fault, seconds from it as medians, the longest way back beside."""
    head = ["fault", "rounds", "noticed s", "offered again s", "longest s", "connected s", "first picture s"]
    head += ["person s", "longest s", "within 3 s", "strays"]
    return markdown([head, *(_row(one) for one in record.figures["faults"])])


def _row(one: dict[str, Any]) -> list[str]:
    longest_s = max(run["asked_s"] for run in one["runs"])
    seconds = [one["noticed_s"], one["asked_s"], longest_s, one["connected_s"], one["covered_s"], one["live_s"]]
    moments = [f"{value:.2f}" for value in (*seconds, one["longest_s"])]
    return [
        one["fault"],
        str(one["rounds"]),
        *moments,
        f"{one['within_target']} of {one['rounds']}",
        str(one["strays"]),
    ]


def _real_rounds() -> Rounds:
    from rimlight.benchmarks.gateway_run import rounds

    return rounds


async def _found(asked: Plan, report: Callable[[str], None], rounds: Rounds) -> list[dict[str, Any]]:
    found = []
    async for seen in rounds(asked.faults * asked.rounds, asked.backend):
        found.append(_figures_of(seen))
        report(f"{seen['fault']}: the person is back after {found[-1]['live_s']:.2f} s")
    return found


def _figures_of(seen: dict[str, Any]) -> dict[str, Any]:
    """One round, in seconds after the fault.

    noticed: the page knows; asked: it offers again; connected: a session runs; covered: its first picture is shown;
    live: the first with the person. strays: pictures with anything but the backdrop in their upper corners.
    """
    began_ms: float = seen["began_ms"]
    phases: list[dict[str, Any]] = seen["phases"]

    def after(ms: float) -> float:
        return round((ms - began_ms) / 1e3, 3)

    gone = next(index for index, one in enumerate(phases) if one["name"] != "running")
    later = phases[gone:]
    return {
        "fault": seen["fault"],
        "stood_still_s": after(seen["lastOfOld"]) if seen["lastOfOld"] else 0.0,
        "noticed_s": after(phases[gone]["ms"]),
        "asked_s": after(next(one["ms"] for one in later if one["name"] == "connecting")),
        "connected_s": after(next(one["ms"] for one in later if one["name"] == "running")),
        "covered_s": after(seen["first"]),
        "live_s": after(seen["live"]),
        "pictures": seen["frames"],
        "strays": seen["strays"],
    }


def _summary(fault: str, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    times = [run["live_s"] for run in runs]
    return {
        "fault": fault, "rounds": len(runs),
        **{name: round(median(run[name] for run in runs), 3) for name in MOMENTS},
        "longest_s": max(times), "within_target": sum(time <= TARGET_S for time in times),
        "strays": sum(run["strays"] for run in runs), "runs": list(runs),
    }  # fmt: skip
