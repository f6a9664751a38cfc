"""`rimlight bench studio-edit`: parse, call, print a table, keep a record."""

from __future__ import annotations

from pathlib import Path

import click

from rimlight.types import Size


@click.command("studio-edit")
@click.option(
    "--size",
    "sizes",
    multiple=True,
    default=("960x540", "1920x1080"),
    show_default=True,
    metavar="WxH",
    help="Size of the video; may be repeated.",
)
@click.option(
    "--detail",
    "long_sides",
    multiple=True,
    type=int,
    default=(256, 384, 512, 640, 768, 1024),
    show_default=True,
    metavar="PX",
    help="Longer side of the network's picture; may be repeated.",
)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads of the network.")
@click.option("--repeats", type=click.IntRange(1), default=12, show_default=True, help="Frames of each.")
@click.option("--device", default="cpu", show_default=True, help="Where the network runs.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the record  [default: benchmarks/results]")
def studio_edit_command(
    sizes: tuple[str, ...], long_sides: tuple[int, ...], threads: int, repeats: int, device: str, out: Path | None
) -> None:
    """Time the editor's propagation; weights make no difference to it, so none are needed."""
    from rimlight.benchmarks.records import write_record
    from rimlight.benchmarks.studio_edit import Trial, measure, render
    from rimlight.studio.opening import untrained_networks

    trial = Trial(tuple(map(Size.parse, sizes)), long_sides, threads, repeats)
    record = measure(trial, untrained_networks(device, threads), lambda text: click.echo(text, err=True))
    click.echo(render(record))
    click.echo(str(write_record(record, out)), err=True)
