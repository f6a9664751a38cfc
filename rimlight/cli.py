"""The command line: parse, build a config, call."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from rimlight import __version__
from rimlight.batch_commands import batch
from rimlight.benchmarks.cli import bench
from rimlight.config import layers_of
from rimlight.config_commands import config
from rimlight.control_commands import ctl
from rimlight.doctor import doctor
from rimlight.errors import RimlightError
from rimlight.export_commands import export
from rimlight.serve_command import serve_command
from rimlight.studio_commands import studio
from rimlight.training_commands import data, train

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def stream_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that mats a stream."""
    from rimlight.backends import BACKENDS

    options = [
        click.option("--backend", type=click.Choice(["auto", *BACKENDS]), default="auto", show_default=True,
                     help="What runs the network; auto takes the fastest installed."),
        click.option("--device", default="cpu", show_default=True, help="Where the backend runs: cpu, cuda, gpu …"),
        click.option("--detail", default=512, show_default=True, metavar="PX",
                     help="Longer side at which the network sees the picture; less is faster."),
        click.option("--threads", type=click.IntRange(1), help="Processors for the network  [default: all]"),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def live_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of live sources alone."""
    options = [
        click.option("--mirror/--no-mirror", default=False, help="Change left and right (live)."),
        click.option("--wait", is_flag=True, help="Show the cover until a camera that is missing comes (live)."),
        click.option("--always-on", is_flag=True,
                     help="Keep the camera open while nobody reads the virtual one (live)."),
        click.option("--late-after", type=click.FloatRange(0.01, 10), default=0.25, show_default=True, metavar="S",
                     help="Age from which a picture counts as late (live)."),
        click.option("--cover-after", type=click.FloatRange(0.01, 10), default=1.0, show_default=True, metavar="S",
                     help="Age from which the cover is shown, at most 10 (live)."),
        click.option("--control/--no-control", default=True, show_default=True,
                     help="Let `rimlight ctl` of the same user change the stream (live)."),
        click.option("--control-port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1  [default: any free]"),
        click.option("--metrics-port", type=click.IntRange(0, 65535),
                     help="Figures for Prometheus on this port of 127.0.0.1 (live)  [default: none]"),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, invoke_without_command=True
)
@click.version_option(__version__, prog_name="rimlight")
@click.pass_context
def cli(context: click.Context) -> None:
    """Cut the person out of live video and put any backdrop behind; no green screen, no trimap."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command("run")
@click.option("--source", help="A video, a picture, camera:0, /dev/video0, or pattern.")
@click.option("--sink", help="out.mp4, out.mov, out.webm, frames/%05d.png, pipe:y4m, window, null …")
@click.option(
    "--backdrop",
    default="blur",
    show_default=True,
    help="blur[:0..1], transparent, a colour (#1e90ff, green), or a picture's or video's path.",
)
@click.option(
    "--side-by-side",
    is_flag=True,
    help="Write a transparent backdrop as fill and matte side by side in an ordinary video.",
)
@click.option("--feather", default=0.0, show_default=True, metavar="PX", help="Extra softness of the edge.")
@click.option("--shift", default=0.0, show_default=True, help="Edge from -1 (tighter) to 1 (wider).")
@click.option(
    "--decontaminate/--no-decontaminate",
    default=True,
    show_default=True,
    help="Take the room's colour out of half-transparent pixels.",
)
@click.option(
    "--batch",
    default=0,
    type=click.IntRange(0, 64),
    help="Frames of a file per network call  [default: 1 on processors, up to 4 on others]",
)
@click.option(
    "--jobs", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that share a file's frames."
)
@click.option("--size", "camera_size", metavar="WxH", help="Size to ask of a camera or pattern.")
@click.option("--rate", "camera_rate", metavar="FPS", help="Frame rate to ask of a camera or pattern.")
@click.option(
    "--target-fps", metavar="FPS|off", help="Rate a live source is held at by less detail  [default: the camera's own]"
)
@click.option("--cpu-share", type=float, metavar="0..1", help="Share of all processors that a live source may use.")
@click.option("--sound/--no-sound", default=True, show_default=True, help="Pass the source's sound through.")
@click.option("--preview", is_flag=True, help="Show input, matte and output in a window on this screen.")
@click.option("--quiet", is_flag=True, help="No progress, no summary.")
@stream_options
@live_options
@click.option("--config", metavar="FILE", help="Other options' values  [default: see rimlight config path]")
@click.option("--profile", metavar="NAME", help="A profile of that file.")
@click.pass_context
def run_command(context: click.Context, /, **options: Any) -> None:
    """Mat a file, picture or camera and write it somewhere.

    \b
    rimlight run --source talk.mp4 --backdrop beach.jpg --sink out.mp4
    rimlight run --source talk.mp4 --backdrop transparent --sink out.mov
    rimlight run --source camera:0 --backdrop blur:0.7 --sink window
    """
    from rimlight.commands import run_from_options

    layers = layers_of(context, options)
    options = layers.options()
    for needed in context.command.params:
        if needed.name in ("source", "sink") and options[needed.name] is None:
            raise click.MissingParameter(ctx=context, param=needed)
    run_from_options(options, layers)


@cli.command("demo")
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo-out"), show_default=True, help="Folder.")
@stream_options
def demo_command(out: Path, **options: Any) -> None:
    """Run the whole product on a clip made from a shipped portrait; no camera, no network."""
    from rimlight.commands import demo_from_options

    demo_from_options(out, options)


@cli.command("devices")
def devices_command() -> None:
    """List backends, their devices, and cameras."""
    from rimlight.commands import list_devices

    list_devices()


cli.add_command(config)
cli.add_command(doctor)
cli.add_command(ctl)
cli.add_command(export)
cli.add_command(serve_command)
cli.add_command(studio)
cli.add_command(batch)
cli.add_command(train)
cli.add_command(data)
cli.add_command(bench)  # its commands import what they need when they run


def main() -> None:
    """Entry point: errors of the user's making are one line on stderr and exit code 2."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # of a damaged picture our one line tells enough
    logging.basicConfig(format="rimlight: %(message)s", level=logging.WARNING)
    try:
        cli(standalone_mode=False)
    except (RimlightError, click.ClickException) as error:
        click.echo(f"rimlight: {one_line(error)}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except (KeyboardInterrupt, click.Abort) as error:
        kept = str(error.__cause__ or "") or "what was written so far is closed and playable"
        click.echo(f"rimlight: interrupted; {kept}", err=True)
        sys.exit(EXIT_INTERRUPTED)


def one_line(error: Exception) -> str:
    """What an error says, on one line; of a wrong option also where to read about it."""
    said = error.format_message() if isinstance(error, click.ClickException) else str(error)
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" Try '{context.command_path} --help'." if context else ""
    return " ".join(said.split("\n")) + hint


if __name__ == "__main__":
    main()
