"""Options that benchmarks share, and what is done with what they found.

What a command needs is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rimlight.types import Size

if TYPE_CHECKING:
    from rimlight.benchmarks.records import Record

Command = Callable[..., Any]
VIDEO_SIZES = ("1280x720", "1920x1080")


class SizeType(click.ParamType):  # type: ignore[type-arg]  # generic in click's newest releases only
    """WIDTHxHEIGHT as a Size; raises FrameError otherwise."""

    name = "WxH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Size:  # noqa: ARG002
        """Size of the text."""
        return value if isinstance(value, Size) else Size.parse(value)


def several_sizes(*usual: str) -> Callable[[Command], Command]:
    """--size, any number of times."""
    return click.option(
        "--size", "sizes", multiple=True, default=usual, show_default=True, type=SizeType(),
        help="Size of the frames; may be repeated.",
    )  # fmt: skip


def one_size(usual: str) -> Callable[[Command], Command]:
    """--size, once."""
    return click.option("--size", default=usual, show_default=True, type=SizeType(), help="Size of the frames.")


def source_option(command: Command) -> Command:
    """--source FILE."""
    help_text = "A video  [default: the demo's portrait]"
    return click.option("--source", type=click.Path(path_type=Path), help=help_text)(command)


def backend_option(command: Command) -> Command:
    """--backend, once."""
    return click.option("--backend", default="auto", show_default=True, help="What runs our network.")(command)


def threads_option(usual: int | None) -> Callable[[Command], Command]:
    """--threads."""
    help_text = "Threads of everyone." if usual else "Threads of the network  [default: all]"
    return click.option("--threads", type=click.IntRange(1), default=usual, show_default=bool(usual), help=help_text)


def out_option(command: Command) -> Command:
    """--out FOLDER."""
    return click.option(
        "--out", type=click.Path(path_type=Path), help="Folder of the record  [default: benchmarks/results]"
    )(command)


def peers_option(command: Command) -> Command:
    """--peer, any number of times."""
    return click.option(
        "--peer", "peers", multiple=True, metavar="NAME",
        help="rvm, modnet, mediapipe-landscape, mediapipe-general, is-net; may be repeated  [default: the first four]",
    )(command)  # fmt: skip


def finish(record: Record, render: Callable[[Record], str], out: Path | None) -> None:
    """Print the table, keep the record, and say if the machine was busy."""
    from rimlight.benchmarks.records import write_record

    click.echo(render(record))
    busy = record.figures.get("peace", {}).get("busy")
    if busy:
        click.echo(f"\n{busy}")
    say(str(write_record(record, out)))


def say(text: str) -> None:
    click.echo(text, err=True)
