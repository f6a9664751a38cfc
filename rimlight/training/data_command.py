"""`rimlight data`: what is in data sets, and the same in a few tar files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from tqdm import tqdm

from rimlight.errors import DataError
from rimlight.training.data.check import Progress, Report, inspect
from rimlight.training.data.pack import Packing
from rimlight.training.data.pack import pack as pack_items
from rimlight.training.data.splits import Split
from rimlight.training.datasets import items_of


def check(sets: Sequence[str]) -> None:
    """Print what the data sets hold, and every fault on a line of its own; raises DataError if there is one."""
    with _bar() as progress:
        report = inspect(items_of(sets), progress)
    click.echo(render(report))
    for fault in report.faults:
        click.echo(fault, err=True)
    if report.faults:
        raise DataError(f"{len(report.faults)} items are not as they should be; fetch them again or remove them")


def pack(sets: Sequence[str], out: Path, longest: int | None, quality: int, part_mb: float, part: Split | None) -> None:
    """Write the data sets, or one part of each, to out as part1.tar, part2.tar …; raises DataError."""
    packing = Packing(quality, longest=longest, part_bytes=round(part_mb * 1e6))
    with _bar() as progress:
        paths = pack_items(items_of(sets, part), out, packing, progress)
    megabytes = sum(path.stat().st_size for path in paths) / 1e6
    click.echo(f"{len(paths)} parts, {megabytes:.1f} MB in {out}")


def render(report: Report) -> str:
    """A report as text, a kind to a line."""
    lines = [f"{kind:<15} {report.items[kind]:>7} items {report.frames[kind]:>9} frames" for kind in report.items]
    sizes = f", {report.smallest} to {report.largest}" if report.smallest else ""
    return "\n".join([*lines, f"{report.pixels / 1e6:.1f} megapixels{sizes}, clips of {report.seconds:.0f} s"])


@contextmanager
def _bar() -> Iterator[Progress]:
    with tqdm(unit=" frame", disable=None, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
