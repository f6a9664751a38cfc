"""`rimlight bench batch`: parse, call, print a table, keep a record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rimlight.benchmarks.options import backend_option, finish, one_size, out_option, say


@click.command("batch")
@one_size("640x360")
@click.option("--videos", type=click.IntRange(1), default=4, show_default=True, help="Of a batch.")
@click.option("--frames", type=click.IntRange(2), default=60, show_default=True, help="Of a video.")
@click.option("--workers", type=click.IntRange(2), default=2, show_default=True, help="Beside one; as many cores.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="How often all have their turn.")
@click.option("--detail", default=512, show_default=True, metavar="PX", help="Longer side of the network's picture.")
@click.option("--ray/--no-ray", default=True, show_default=True, help="Run on Ray too, where it is installed.")
@backend_option
@out_option
def batch_command(out: Path | None, **options: Any) -> None:
    """Time a batch of videos with one worker and several, and on Ray.

    Processes are begun before anything counts; all have their turn in every round.
    """
    from rimlight.benchmarks.batch import Load, measure, render

    finish(measure(Load(**options), say), render, out)
