"""`rimlight bench studio`: parse, call, print tables, keep a record."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command("studio")
@click.argument("folder", type=PATH)
@click.option(
    "--matting", multiple=True, required=True, type=PATH, metavar="FILE",
    help="Weights of the matting network; may be repeated, the first are the main ones.",
)  # fmt: skip
@click.option("--propagation", type=PATH, metavar="FILE", help="Weights of trimap propagation.")
@click.option("--clips", multiple=True, metavar="NAME", help="Beginning of the names of clips; may be repeated.")
@click.option("--frames", type=click.IntRange(1), metavar="N", help="Of each clip at most  [default: all]")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads of the live network.")
@click.option("--out", type=PATH, help="Folder of the record  [default: benchmarks/results]")
def studio_command(out: Path | None, **options: object) -> None:
    """Score the studio's mattes beside the live network's.

    FOLDER holds CLIP/src and CLIP/pha. Trimaps are made from the truth, carried from some of its frames, and made from
    the live network's mattes.
    """
    from rimlight.benchmarks.records import results_folder, write_record, write_whole
    from rimlight.benchmarks.studio import Exam, measure
    from rimlight.benchmarks.studio_rows import render

    record = measure(Exam(**options), lambda text: click.echo(text, err=True))  # type: ignore[arg-type]
    table, folder = render(record), out or results_folder()
    click.echo(table)
    path = write_record(record, folder)
    write_whole(folder / "studio.md", f"{table}\n".encode())
    click.echo(str(path), err=True)
