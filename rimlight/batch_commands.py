"""`rimlight batch`: parse and call. What a command needs is imported when it runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)
EXIT_SOME_FAILED = 3


class WithUsual(click.Group):
    """A group whose first command is meant where none is named: `rimlight batch clips/ --out mattes`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the usual command's name before what is no command's."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def state_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the manifest is."""
    return click.option(
        "--state", type=PATH, metavar="FOLDER", help="Where the manifest is  [default: OUT/.rimlight]"
    )(command)  # fmt: skip


def look_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All that decides what outputs look like."""
    options = [
        click.option("--backdrop", default="blur", show_default=True,
                     help="blur[:0..1], transparent, a colour, or a picture's or video's path."),
        click.option("--kind", type=click.Choice([".mp4", ".m4v", ".mov", ".mkv", ".webm"]), default=".mp4",
                     show_default=True, help="Ending of the outputs; .mov, .mkv and .webm hold transparency."),
        click.option("--side-by-side", is_flag=True,
                     help="Write a transparent backdrop as fill and matte side by side in an ordinary video."),
        click.option("--feather", default=0.0, show_default=True, metavar="PX", help="Extra softness of the edge."),
        click.option("--shift", default=0.0, show_default=True, help="Edge from -1 (tighter) to 1 (wider)."),
        click.option("--decontaminate/--no-decontaminate", default=True, show_default=True,
                     help="Take the room's colour out of half-transparent pixels."),
        click.option("--sound/--no-sound", default=True, show_default=True, help="Pass the videos' sound through."),
        click.option("--backend", default="auto", show_default=True, help="What runs the network."),
        click.option("--detail", default=512, show_default=True, metavar="PX",
                     help="Longer side at which the network sees the picture; less is faster."),
        click.option("--batch", default=0, type=click.IntRange(0, 64),
                     help="Frames per network call  [default: 1 on processors, on others what is fastest]"),
        click.option("--threads", default=1, show_default=True, type=click.IntRange(1),
                     help="Processors for each worker; last bits depend on their number."),
        click.option("--part-frames", default=900, show_default=True, type=click.IntRange(16),
                     help="Longer videos are split into parts of about so many frames."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group("batch", cls=WithUsual)
def batch() -> None:
    """Mat many videos with many workers; what was broken off goes on.

    \b
    rimlight batch clips/ --out mattes/ --backdrop transparent --kind .mov
    rimlight batch 'takes/**/*.mp4' @more.txt table.csv --out mattes/ --workers 8
    rimlight batch s3://bucket/clips --out s3://bucket/mattes --state work/ --ray auto
    rimlight batch status mattes/

    A folder that is named like a command is written ./status.
    """


@batch.command("run")
@click.argument("sources", nargs=-1)
@click.option("--out", required=True, metavar="FOLDER|URL", help="Where outputs go, in the folders of their inputs.")
@state_option
@look_options
@click.option(
    "--workers", default="", metavar="N|KIND=N,…",
    help="Processes: 4 or cpu=4,cuda=1  [default: processors / threads; other devices 1, on Ray its GPUs]",
)  # fmt: skip
@click.option("--device", default="cpu", show_default=True, help="Where a plain number of workers runs.")
@click.option("--ray", metavar="ADDRESS", help="Work on this Ray cluster, such as auto or 10.0.0.1:6379.")
@click.option("--memory", "memory_gib", type=click.FloatRange(0.1), default=1.0, show_default=True, metavar="GIB",
              help="Memory that a worker on Ray is to have.")  # fmt: skip
@click.option("--tries", default=3, show_default=True, type=click.IntRange(1),
              help="How often an input may break its worker before it is left out.")  # fmt: skip
@click.option("--stall", "stall_s", type=click.FloatRange(1), default=1800.0, show_default=True, metavar="S",
              help="End a worker of whom no frame came for so long.")  # fmt: skip
@click.option("--events", metavar="FILE|-", help="Write what happens as JSON lines.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Figures for Prometheus, on 127.0.0.1.")
@click.option("--overwrite", is_flag=True, help="Let outputs take the place of files that were there before.")
@click.option("--restart", is_flag=True, help="Forget what a batch with the same --out has done.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.pass_context
def run_command(context: click.Context, /, **options: Any) -> None:
    """Mat SOURCES: videos, folders, patterns, @LIST, a .csv, or URLs. Without any, go on with what is there.

    Ends with 0 if all is done, with 3 if some failed; the report says why.
    """
    from rimlight.batch.plan import Choices, Order
    from rimlight.batch.run import Means, run_batch

    sources, names = options["sources"], asdict(Choices())
    usual = (click.core.ParameterSource.DEFAULT, click.core.ParameterSource.DEFAULT_MAP)
    given = {
        name: options[name] for name in names if sources or context.get_parameter_source(name) not in usual
    }  # fmt: skip
    order = Order(
        sources, options["out"], given, options["state"], options["tries"], options["overwrite"], options["restart"]
    )  # fmt: skip
    means = Means(**{
        name: options[name]
        for name in ("workers", "device", "ray", "memory_gib", "stall_s", "events", "metrics_port", "quiet")
    })  # fmt: skip
    view = run_batch(order, means)
    if any(view.inputs[state] for state in ("failed", "quarantined", "pending")):
        sys.exit(EXIT_SOME_FAILED)


@batch.command("status")
@click.argument("out")
@state_option
@click.option("--json", "as_json", is_flag=True, help="All inputs, one JSON line each.")
def status_command(out: str, state: Path | None, as_json: bool) -> None:
    """Say how many inputs are done, failed, or still to do, and what failed."""
    from rimlight.batch.plan import state_folder
    from rimlight.batch.readings import Readings

    with Readings(state_folder(out, state)) as manifest:
        if as_json:
            for line in manifest.lines():
                click.echo(json.dumps(asdict(line)))
            return
        for name, count in manifest.counts().items():
            click.echo(f"{count:8} {name}")
        for line in manifest.lines():
            if line.state in ("failed", "quarantined"):
                click.echo(f"{line.state}: {line.source}: {line.why}")


@batch.command("retry")
@click.argument("out")
@state_option
def retry_command(out: str, state: Path | None) -> None:
    """Put what failed back on the list; `rimlight batch --out OUT` then goes on."""
    from rimlight.batch.manifest import Manifest
    from rimlight.batch.plan import look_again, state_folder
    from rimlight.batch.readings import Readings
    from rimlight.batch.run import again

    folder = state_folder(out, state)
    Readings(folder).close()  # says it where there is no batch, rather than begin one
    with Manifest(folder) as manifest:
        click.echo(f"{look_again(manifest)} put back; go on with: {again(out, state)}")


@batch.command("report")
@click.argument("out")
@state_option
def report_command(out: str, state: Path | None) -> None:
    """Write OUT/report.html anew: counts, throughput, failures, sample frames."""
    from rimlight.batch.plan import state_folder
    from rimlight.batch.readings import Readings
    from rimlight.batch.report import write_report
    from rimlight.batch.run import report_path

    folder = state_folder(out, state)
    with Readings(folder) as manifest:
        path = report_path(out, folder)
        write_report(manifest, path)
    click.echo(str(path))
