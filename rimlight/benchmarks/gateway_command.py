"""`rimlight bench gateway`: parse, call, print a table, keep a record."""

from __future__ import annotations

from pathlib import Path

import click

FAULTS = ("kill", "freeze")


@click.command("gateway")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Of each fault.")
@click.option("--fault", "faults", multiple=True, type=click.Choice(FAULTS), default=FAULTS, show_default=True,
              help="What happens to the worker; may be repeated.")  # fmt: skip
@click.option("--backend", default="fake", show_default=True, help="What runs the workers' networks.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the record  [default: benchmarks/results]")
def gateway_command(rounds: int, faults: tuple[str, ...], backend: str, out: Path | None) -> None:
    """Time how long a page needs to come back when its worker is gone.

    A gateway, two workers and Chromium on this machine.
    """
    from rimlight.benchmarks.gateway import Plan, measure, render
    from rimlight.benchmarks.records import write_record

    record = measure(Plan(rounds, faults, backend), lambda text: click.echo(text, err=True))
    click.echo(render(record))
    click.echo(str(write_record(record, out)), err=True)
