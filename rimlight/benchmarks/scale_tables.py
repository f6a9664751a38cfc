"""The simulation's record as tables; needs nothing of the service, so that documents can be written without it."""

from __future__ import annotations

import math

from rimlight.benchmarks.records import Record
from rimlight.benchmarks.tables import markdown

BASE = "as deployed"
SHOWN = (BASE, "delay 300 s", "target 0.8", "down after 5 min, drain 10 min")  # that keep their samples, for the chart

GATEWAY_FULL = 0.6  # of a gateway's one processor: where the autoscaler adds another one


def render(record: Record) -> str:
    """A Markdown table: a row for each scenario, counts and machine-hours by day."""
    rows = [[
        "scenario", "covered s / session-hour", "rejected", "refused offers", "first at", "moved by drain",
        "by failure", "most machines", "machine-hours", "processors / session", "most offers / s",
    ]]  # fmt: skip
    priced = record.settings["price"] is not None
    rows[0] += ["cost / session-hour"] if priced else []
    days = record.settings["days"]
    for name, one in record.figures["cases"].items():
        rows.append([
            name, f"{one['covered_s_per_session_hour']:.3f}", f"{one['rejected'] / one['arrivals']:.2%}",
            f"{one['refused_offers'] / days:.0f}", _clock(one["first_refused_s"]),
            f"{one['moved_by_drain'] / days:.0f}", f"{one['moved_by_failure'] / days:.0f}",
            str(one["most_machines"]), f"{one['machine_hours'] / days:.0f}",
            f"{one['processor_hours_per_session_hour']:.2f}", str(one["most_offers"]),
            *([f"{one['cost_per_session_hour']:.4f}"] if priced else []),
        ])  # fmt: skip
    return markdown(rows)


def render_costs(record: Record) -> str:
    """A Markdown table: processors that a session of each kind keeps busy, and what that is by the hour."""
    rows = [["video", "share of people", "processors", "sessions of a processor"]]
    rows += [
        [f"{one['size']}, {one['fps']:g} fps", f"{one['share']:.0%}", f"{one['processors']:.2f}",
         f"{1 / one['processors']:.2f}"]
        for one in record.figures["shares"]
    ]  # fmt: skip
    return markdown(rows)


def render_gateways(record: Record) -> str:
    """A Markdown table: what gateways have to do, a row for each scenario with another number of people or workers."""
    costs = record.figures["gateway"]
    rows = [["scenario", "people at once", "workers", "processors for looks", "for reports, each", "gateways"]]
    for name, one in record.figures["cases"].items():
        if name != BASE and "processors" not in name and "people" not in name:
            continue
        looks, reports = (one[part] * costs[cost] / 1000 for part, cost in
                          (("most_running", "look_ms"), ("most_machines", "report_ms")))  # fmt: skip
        rows.append([name, str(one["most_running"]), str(one["most_machines"]), f"{looks:.2f}", f"{reports:.2f}",
                     gateways(looks, reports)])  # fmt: skip
    return markdown(rows)


def gateways(looks: float, reports: float) -> str:
    """How many are needed, or none where reports alone fill each. looks: of all; reports: at each, in processors."""
    left = GATEWAY_FULL - reports
    return str(max(1, math.ceil(looks / left))) if left > 0 else "none are enough"


def _clock(at_s: float | None) -> str:
    return "-" if at_s is None else f"{int(at_s // 3600):02d}:{int(at_s // 60 % 60):02d}"
