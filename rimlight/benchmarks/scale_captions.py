"""The simulation's record as pieces of a document: what a session costs, and what a day of many is like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rimlight.benchmarks.records import Record
from rimlight.benchmarks.scale_tables import BASE, GATEWAY_FULL, render, render_costs, render_gateways
from rimlight.benchmarks.tables import markdown

FILM_FPS = 30.0


def scale(record: Record) -> str:
    """All scenarios."""
    asked, base = record.settings, record.figures["cases"][BASE]
    crowd, plant, days = asked["crowd"], asked["plant"], asked["days"]
    how = (
        f"A simulation, not a measurement: {asked['people']:g} people expected at the peak, "
        f"{base['arrivals'] / days:.0f} in {crowd['hours']:g} hours, {base['session_hours'] / days:.0f} session-hours, "
        f"means of {days} such days; machines of {asked['processors']} "
        f"processors, ready {plant['delay_s']:g} s after they are wanted, lost once in {plant['lasts_s'] / 86400:g} "
        f"days; {crowd['punctual']:.0%} of the people come at full and half hours; target "
        f"{plant['rule']['target']:g}, down after {plant['rule']['down_window_s'] / 60:g} min, drain "
        f"{plant['drain_s'] / 60:g} min; seed {asked['seed']}. The costs of a frame are measured: {_where(record)}"
    )
    return f"{render(record)}\n\n*{how}*"


def scale_costs(record: Record) -> str:
    """Processors of a session of each kind."""
    how = (
        "Processor seconds of a second of video, measured by `rimlight serve`'s own look at the machine: decoding, "
        f"network (quality medium), painting, one VP8 encoding. {_where(record)}"
    )
    return f"{render_costs(record)}\n\n*{how}*"


def gateways(record: Record) -> str:
    """What a gateway's processor has to do."""
    costs = record.figures["gateway"]
    how = (
        f"Measured: {costs['report_ms']:.2f} ms of a processor for a worker's report, {costs['look_ms']:.2f} ms for a "
        f"page's look at its session (each asks once a second), {costs['offer_ms']:.2f} ms for an offer; a gateway "
        f"has one processor, and {GATEWAY_FULL:.0%} of it are to be used. {_where(record)}"
    )
    return f"{render_gateways(record)}\n\n*{how}*"


def hours(record: Record) -> str:
    """Of rimlight bench endtoend: what an hour of video takes of the machine that was measured."""
    machine, size = record.machine, record.settings["size"]
    rows = [["stream", "frames/s", "machine-hours", "processor-hours"]]
    for name, stream in _ours(record).items():
        taken = FILM_FPS / stream["fps"]
        rows.append([name, f"{stream['fps']:.1f}", f"{taken:.2f}", f"{taken * machine['cores']:.2f}"])
    how = f"For an hour of {size} at {FILM_FPS:g} frames/s, H.264 to {record.settings['sink']}. {_where(record)}"
    return f"{markdown(rows)}\n\n*{how}*"


def _ours(record: Record) -> Mapping[str, Any]:
    streams = record.figures["streams"].items()
    return {name: stream for name, stream in streams if name.startswith("rimlight")}


def _where(record: Record) -> str:
    made = record.settings.get("costs_from") or {
        "machine": record.machine, "created_utc": record.created_utc, "peace": record.figures["peace"]
    }  # fmt: skip
    machine, busy = made["machine"], made["peace"]["busy"]
    place = f"{machine['cpu']}, {machine['cores']} cores, {made['created_utc'][:10]}, commit {machine['git']}."
    return f"{place} **{busy.capitalize()}**: times were longer than on a quiet one." if busy else place
