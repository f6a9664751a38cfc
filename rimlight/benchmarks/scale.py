"""Ten thousand people at once on paper: a day of a cluster, simulated with the costs of a frame measured here.

What is measured is the processor time of a frame, and nothing else. People, failures and delays are assumptions that
stand in the record; that a larger machine takes as many more sessions as it has more processors is one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from rimlight.benchmarks.records import Record, read_record
from rimlight.benchmarks.running import Running
from rimlight.benchmarks.scale_crowd import Crowd, draw, expected
from rimlight.benchmarks.scale_machines import Machines
from rimlight.benchmarks.scale_rule import METRIC
from rimlight.benchmarks.scale_simulation import Plant, Simulation, Tally
from rimlight.benchmarks.scale_tables import BASE, SHOWN
from rimlight.errors import SourceError
from rimlight.realtime.serve.capacity import Costs, Demand
from rimlight.realtime.serve.cluster.registry import MOST_WORKERS
from rimlight.realtime.serve.options import ServeOptions
from rimlight.realtime.serve.run import measured
from rimlight.realtime.serve.service import USUAL

REPEATS = 3  # measurements of the costs; the median counts
DAY_S = 86400.0
SUMMED = (
    "arrivals", "finished", "rejected", "lost", "running", "waiting", "refused_offers", "failures", "moved_by_failure",
    "moved_by_drain", "covered_s", "waited_s", "session_s", "machine_s", "overloaded_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. processors: of a machine. price: of a machine-hour, None where nobody said one.

    days: that are simulated, each with other dice. costs: a record with costs of an earlier run, None to measure them.
    sweep: not only as deployed, but with other delays, targets, failures, crowds and machines too.
    """

    crowd: Crowd = field(default_factory=Crowd)
    plant: Plant = field(default_factory=Plant)
    processors: int = 32
    price: float | None = None
    seed: int = 1
    days: int = 1
    backend: str = "auto"
    costs: Path | None = None
    sweep: bool = True


def measure(plan: Plan, report: Callable[[str], None]) -> Record:
    """Run all scenarios with the same people; raises RimlightError where the costs cannot be had."""
    running = Running()
    measured_here, costs_from = costs_of(plan, report)
    costs = Costs(**measured_here["costs"])
    cases = {}
    for name, one in scenarios(plan).items():
        report(name)
        cases[name] = run(one, costs)
        if name not in SHOWN:
            del cases[name]["samples"]
    settings = {
        "people": plan.crowd.people, "processors": plan.processors, "price": plan.price, "seed": plan.seed,
        "days": plan.days, "backend": plan.backend, "costs_from": costs_from, "metric": METRIC,
        "crowd": {**asdict(plan.crowd), "kinds": [_kind_row(one.demand, one.share) for one in plan.crowd.kinds]},
        "plant": asdict(plan.plant), "most_workers": MOST_WORKERS,
    }  # fmt: skip
    figures = {"usual_share": costs.share(USUAL), "shares": _shares(plan.crowd, costs), "cases": cases}
    return running.record("scale", settings, measured_here | figures)


def costs_of(
    plan: Plan, report: Callable[[str], None] = lambda _: None
) -> tuple[dict[str, dict[str, float]], dict[str, Any] | None]:
    """Of a frame (the median of some measurements) and of a gateway's requests; or a record's, and its place."""
    if plan.costs is not None:
        return _costs_in(read_record(plan.costs), plan.costs.name)
    from rimlight.benchmarks.scale_gateway import measure_gateway

    found = []
    for number in range(1, REPEATS + 1):
        report(f"costs of a frame, {number} of {REPEATS}")
        found.append(asdict(measured(ServeOptions(backend=plan.backend)).costs))
    report("costs of a gateway's requests")
    return {"costs": _medians(found), "gateway": measure_gateway()}, None


def _medians(found: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: median(one[name] for one in found) for name in found[0]}


def _costs_in(record: Record, name: str) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    if not {"costs", "gateway"} <= set(record.figures):
        raise SourceError(f"expected a record of rimlight bench scale in {name}, got one without costs")
    place = record.settings["costs_from"] or {
        "machine": record.machine, "created_utc": record.created_utc, "peace": record.figures["peace"]
    }  # fmt: skip
    return {part: record.figures[part] for part in ("costs", "gateway")}, place


def scenarios(plan: Plan) -> dict[str, Plan]:
    """The plan by name, and what differs from it in one thing each."""
    found = {BASE: plan}
    if not plan.sweep:
        return found
    plant, rule, crowd = plan.plant, plan.plant.rule, plan.crowd
    assert rule is not None
    found |= {f"delay {s:g} s": replace(plan, plant=replace(plant, delay_s=s)) for s in (30.0, 300.0)}
    for target in (0.5, 0.6, 0.8):
        found[f"target {target:g}"] = replace(plan, plant=replace(plant, rule=replace(rule, target=target)))
    shy = replace(rule, down_window_s=300.0)
    found["down after 5 min"] = replace(plan, plant=replace(plant, rule=shy))
    found["down after 5 min, drain 10 min"] = replace(plan, plant=replace(plant, rule=shy, drain_s=600.0))
    found["a machine lasts a day"] = replace(plan, plant=replace(plant, lasts_s=DAY_S))
    found["nobody punctual"] = replace(plan, crowd=replace(crowd, punctual=0.0))
    found["60% punctual"] = replace(plan, crowd=replace(crowd, punctual=0.6))
    found["60% punctual, delay 300 s"] = replace(
        plan, crowd=replace(crowd, punctual=0.6), plant=replace(plant, delay_s=300.0)
    )
    found["twice the people"] = replace(plan, crowd=replace(crowd, people=2 * crowd.people))
    found |= {f"{count} processors": replace(plan, processors=count) for count in (2, 16)}
    return found


def run(plan: Plan, costs: Costs) -> dict[str, Any]:
    """One scenario; the same seed gives the same people and the same dice."""
    return _figures(plan, [_day(plan, costs, seed) for seed in np.random.SeedSequence(plan.seed).spawn(plan.days)])


def _day(plan: Plan, costs: Costs, seed: np.random.SeedSequence) -> Tally:
    people, dice = (np.random.default_rng(one) for one in seed.spawn(2))
    demands = [one.demand for one in plan.crowd.kinds]
    machines = Machines(costs, plan.processors, demands, USUAL, MOST_WORKERS)
    plant = replace(plan.plant, begin=_begin(plan, machines))
    return Simulation(plant, machines, draw(plan.crowd, people), dice).run(plan.crowd.hours * 3600)


def _begin(plan: Plan, machines: Machines) -> int:
    """Machines for the first hour, so that the day does not begin with too few."""
    rule = plan.plant.rule
    if rule is None:
        return plan.plant.begin
    first_hour = expected(plan.crowd)[:360].max()
    each = max(1.0, machines.limit // machines.usual)
    return int(min(max(rule.least, np.ceil(first_hour / each / rule.target)), rule.most))


def _figures(plan: Plan, days: Sequence[Tally]) -> dict[str, Any]:
    """Counts and hours of all days together, the most of any, and the first day's samples."""
    total = {name: sum(getattr(day, name) for day in days) for name in SUMMED}
    hours, machine_hours = total.pop("session_s") / 3600, total.pop("machine_s") / 3600
    covered_s, overloaded_s, waited_s = (total.pop(name) for name in ("covered_s", "overloaded_s", "waited_s"))
    refused = [day.first_refused_s for day in days if day.first_refused_s is not None]
    return total | {
        "processors": plan.processors,
        "session_hours": round(hours, 1),
        "machine_hours": round(machine_hours, 1),
        "processor_hours_per_session_hour": round(machine_hours * plan.processors / hours, 4),
        "covered_s_per_session_hour": round(covered_s / hours, 4),
        "wait_s": round(waited_s / total["arrivals"], 4),
        "overloaded": round(overloaded_s / hours / 3600, 6),
        "first_refused_s": min(refused, default=None),
        "most_machines": max(day.most_machines for day in days),
        "most_offers": max(day.most_offers for day in days),
        "most_running": max(sample[1] for day in days for sample in day.samples),
        "cost": None if plan.price is None else round(machine_hours * plan.price, 2),
        "cost_per_session_hour": None if plan.price is None else round(machine_hours * plan.price / hours, 6),
        "samples": [[round(sample[0]), *sample[1:]] for sample in days[0].samples],
    }


def _shares(crowd: Crowd, costs: Costs) -> list[dict[str, Any]]:
    return [_kind_row(one.demand, one.share) | {"processors": costs.share(one.demand)} for one in crowd.kinds]


def _kind_row(demand: Demand, share: float) -> dict[str, Any]:
    return {"size": str(demand.size), "fps": demand.fps, "share": share}
