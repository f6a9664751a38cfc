"""`rimlight bench scale`: parse, call, print tables, keep a record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rimlight.benchmarks.options import backend_option, finish, out_option, say

SECONDS = click.FloatRange(0)


@click.command("scale")
@click.option("--people", type=click.FloatRange(1), default=10_000, show_default=True, help="At once at the peak.")
@click.option("--hours", type=click.FloatRange(1), default=24, show_default=True, help="From midnight on.")
@click.option("--punctual", type=click.FloatRange(0, 1), default=0.3, show_default=True,
              help="Share that comes at full and half hours.")  # fmt: skip
@click.option("--stay", "stay_s", type=click.FloatRange(1), default=1800, show_default=True, metavar="S",
              help="Mean stay.")  # fmt: skip
@click.option("--processors", type=click.IntRange(1), default=32, show_default=True, help="Of a machine.")
@click.option("--target", type=click.FloatRange(0.05, 1), default=0.7, show_default=True, help="Of the autoscaler.")
@click.option("--delay", "delay_s", type=SECONDS, default=120, show_default=True, metavar="S",
              help="From the wish for a machine to its first session.")  # fmt: skip
@click.option("--lasts", "lasts_h", type=click.FloatRange(0, min_open=True), default=720, show_default=True,
              metavar="HOURS", help="Mean life of a machine.")  # fmt: skip
@click.option("--drain", "drain_s", type=SECONDS, default=3600, show_default=True, metavar="S",
              help="As --drain of rimlight serve.")  # fmt: skip
@click.option("--price", type=click.FloatRange(0), help="Of a machine-hour, in any currency  [default: none]")
@click.option("--days", type=click.IntRange(1), default=1, show_default=True, help="With other dice each.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--sweep/--no-sweep", default=True, show_default=True, help="Other delays, targets, crowds, machines too."
)
@click.option("--costs", type=click.Path(path_type=Path), metavar="RECORD",
              help="An earlier scale.json with the costs of a frame  [default: measured now]")  # fmt: skip
@backend_option
@out_option
def scale_command(out: Path | None, **options: Any) -> None:
    """Simulate a day of many people on a cluster, with the costs of a frame measured here.

    Tells covered seconds, rejected people, machines and machine-hours.
    """
    from rimlight.benchmarks.scale import Plan, measure
    from rimlight.benchmarks.scale_crowd import Crowd
    from rimlight.benchmarks.scale_rule import Rule
    from rimlight.benchmarks.scale_simulation import Plant
    from rimlight.benchmarks.scale_tables import render, render_costs, render_gateways

    crowd = Crowd(**{name: options.pop(name) for name in ("people", "hours", "punctual", "stay_s")})
    plant = Plant(
        Rule(target=options.pop("target")), lasts_s=options.pop("lasts_h") * 3600,
        delay_s=options.pop("delay_s"), drain_s=options.pop("drain_s"),
    )  # fmt: skip
    record = measure(Plan(crowd, plant, **options), say)
    finish(record, lambda one: f"{render_costs(one)}\n\n{render(one)}\n\n{render_gateways(one)}", out)
