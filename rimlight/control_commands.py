"""`rimlight ctl`: look at the live stream that runs, and change it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from rimlight.realtime.control.client import ask, running

Values = dict[str, Any]


@click.group("ctl")
@click.option("--pid", type=click.IntRange(1), help="Process of the stream, where several run.")
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
@click.pass_context
def ctl(context: click.Context, pid: int | None, as_json: bool) -> None:
    """Look at the live stream that runs, and change it without a restart.

    \b
    rimlight ctl status
    rimlight ctl backdrop beach.jpg
    rimlight ctl pause
    """
    context.obj = {"pid": pid, "json": as_json}


@ctl.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print the status as JSON.")
@click.pass_context
def status_command(context: click.Context, as_json: bool) -> None:
    """What the stream does."""
    context.obj["json"] |= as_json
    _send(context, None)


@ctl.command("backdrop")
@click.argument("backdrop")
@click.pass_context
def backdrop_command(context: click.Context, backdrop: str) -> None:
    """Another backdrop: blur[:0..1], transparent, a colour, or a picture's or video's path."""
    _send(context, {"backdrop": str(Path(backdrop).resolve()) if os.path.isfile(backdrop) else backdrop})


@ctl.command("blur")
@click.argument("strength", type=float)
@click.pass_context
def blur_command(context: click.Context, strength: float) -> None:
    """The blurred room as backdrop, from 0 to 1."""
    _send(context, {"blur": strength})


@ctl.command("mirror")
@click.argument("switch", type=click.Choice(["on", "off"]))
@click.pass_context
def mirror_command(context: click.Context, switch: str) -> None:
    """Change left and right, or do not."""
    _send(context, {"mirror": switch == "on"})


@ctl.command("pause")
@click.pass_context
def pause_command(context: click.Context) -> None:
    """Show the cover until resumed."""
    _send(context, {"paused": True})


@ctl.command("resume")
@click.pass_context
def resume_command(context: click.Context) -> None:
    """Lift the cover."""
    _send(context, {"paused": False})


@ctl.command("quality")
@click.argument("pixels", type=int)
@click.pass_context
def quality_command(context: click.Context, pixels: int) -> None:
    """Longer side at which the network sees the picture, in pixels; less is faster."""
    _send(context, {"quality": pixels})


@ctl.command("edges")
@click.option("--feather", type=float, metavar="PX", help="Extra softness.")
@click.option("--shift", type=float, help="From -1 (tighter) to 1 (wider).")
@click.option("--decontaminate/--no-decontaminate", default=None, help="Take the room's colour out.")
@click.pass_context
def edges_command(context: click.Context, /, **given: float | bool | None) -> None:
    """How the edge is treated; what is not named stays."""
    edges = {name: value for name, value in given.items() if value is not None}
    if not edges:
        raise click.UsageError("expected --feather, --shift or --[no-]decontaminate", context)
    _send(context, {"edges": edges})


@ctl.command("fps")
@click.argument("rate")
@click.pass_context
def fps_command(context: click.Context, rate: str) -> None:
    """Rate at which the stream is held by less detail, or off."""
    try:
        _send(context, {"target_fps": rate if rate == "off" else float(rate)})
    except ValueError as error:
        raise click.BadParameter(f"expected a frame rate such as 30, or off, got {rate!r}", context) from error


def _send(context: click.Context, change: Values | None) -> None:
    said = ask(running(context.obj["pid"]), change)
    click.echo(json.dumps(said, indent=2) if context.obj["json"] else told(said))


def told(values: Values) -> str:
    """A status for people, on a few lines."""
    frames, latency = values["frames"], values["latency_ms"]
    edges = ", ".join(f"{name} {value:g}" for name, value in values["edges"].items())
    lines = [
        f"state     {values['state']}{': ' + values['reason'] if values['reason'] else ''}",
        f"speed     {values['fps']:.1f} fps, detail {values['detail']:g} of {values['quality']}",
        f"backdrop  {values['backdrop']}{', mirrored' if values['mirror'] else ''}; edges {edges}",
        f"frames    {', '.join(f'{count} {kind}' for kind, count in frames.items())}; {values['faults']} faults",
    ]
    if latency:
        lines.insert(2, f"latency   p50 {latency['p50']:.0f} ms, p95 {latency['p95']:.0f}, p99 {latency['p99']:.0f}")
    if values["backend"]:
        lines.append(f"backend   {values['backend']}")
    if values["config"]:
        lines.append(f"config    {values['config']}")
    return "\n".join(lines)
