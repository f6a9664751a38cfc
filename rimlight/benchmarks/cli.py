"""`rimlight bench`: parse, call, print a table, keep a record. What a command needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rimlight.benchmarks.batch_command import batch_command
from rimlight.benchmarks.gateway_command import gateway_command
from rimlight.benchmarks.options import (
    VIDEO_SIZES,
    SizeType,
    backend_option,
    finish,
    one_size,
    out_option,
    peers_option,
    say,
    several_sizes,
    source_option,
    threads_option,
)
from rimlight.benchmarks.scale_command import scale_command
from rimlight.benchmarks.studio_command import studio_command
from rimlight.benchmarks.studio_edit_command import studio_edit_command
from rimlight.types import Size


@click.group()
def bench() -> None:
    """Measure speed, quality and memory; results are JSON."""


@bench.command("latency")
@several_sizes(*VIDEO_SIZES)
@click.option("--backend", "backends", multiple=True, help="May be repeated  [default: all installed]")
@click.option("--device", default="cpu", show_default=True, help="Where the backends run.")
@click.option("--detail", default=512, show_default=True, metavar="PX", help="Longer side of the network's picture.")
@threads_option(None)
@click.option("--repeats", type=click.IntRange(0), default=100, show_default=True, help="Rounds of the stages.")
@click.option("--blocks", type=click.IntRange(0), default=3, show_default=True, help="Blocks of each stream.")
@click.option("--frames", type=click.IntRange(2), default=120, show_default=True, help="Frames of a block.")
@source_option
@out_option
def latency_command(sizes: tuple[Size, ...], backends: tuple[str, ...], out: Path | None, **options: Any) -> None:
    """Time every stage of a frame, and whole streams."""
    from rimlight.benchmarks.latency import Plan, measure, render, usual_backends
    from rimlight.realtime.session import Settings

    settings = Settings(device=options["device"], long_side=options["detail"], threads=options["threads"])
    counts = {name: options[name] for name in ("repeats", "blocks", "frames", "source")}
    finish(measure(Plan(sizes, backends or usual_backends(), settings, **counts), say), render, out)


@bench.command("macs")
@several_sizes("512x512", "512x288")
@click.option(
    "--frame-size",
    "frame_sizes",
    multiple=True,
    default=VIDEO_SIZES,
    show_default=True,
    type=SizeType(),
    help="Size of the full-resolution pass; may be repeated.",
)
@out_option
def macs_command(sizes: tuple[Size, ...], frame_sizes: tuple[Size, ...], out: Path | None) -> None:
    """Count parameters, multiplications and bytes."""
    from rimlight.benchmarks.macs import count, render

    finish(count(sizes, frame_sizes), render, out)


@bench.command("peers")
@several_sizes("512x288", *VIDEO_SIZES)
@peers_option
@backend_option
@threads_option(2)
@click.option("--frames", type=click.IntRange(1), default=60, show_default=True, help="Pairs of each size and peer.")
@out_option
def peers_command(sizes: tuple[Size, ...], peers: tuple[str, ...], out: Path | None, **options: Any) -> None:
    """Compare with peers frame by frame, RGB to composite."""
    from rimlight.benchmarks.peers import USUAL_PEERS
    from rimlight.benchmarks.versus import Contest, compare, render

    finish(compare(Contest(sizes, peers or USUAL_PEERS, **options), say), render, out)


@bench.command("endtoend")
@one_size("1920x1080")
@source_option
@click.option("--sink", default="null:i420", show_default=True, help="Where frames go.")
@click.option(
    "--ratio",
    "ratios",
    multiple=True,
    type=click.FloatRange(0.05, 1),
    default=(0.25, 0.4),
    show_default=True,
    help="RVM's downsample ratio; may be repeated.",
)
@backend_option
@threads_option(2)
@click.option("--blocks", type=click.IntRange(1), default=5, show_default=True, help="Blocks of each stream.")
@click.option("--frames", type=click.IntRange(2), default=90, show_default=True, help="Frames of a block.")
@click.option(
    "--jobs", type=click.IntRange(1), default=2, show_default=True, help="Processes of one more stream of ours."
)
@out_option
def endtoend_command(out: Path | None, **options: Any) -> None:
    """Compare with RVM from file to finished planes.

    Both run in the same loop, block by block in turn, with the same decoder thread.
    """
    from rimlight.benchmarks.endtoend import Race, race, render

    finish(race(Race(**options), say), render, out)


@bench.command("quality")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--backend", "backends", multiple=True, default=("auto",), show_default=True, help="May be repeated.")
@click.option(
    "--weights",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Trained weights to compare, run by PyTorch; may be repeated.",
)
@peers_option
@click.option("--no-peers", is_flag=True, help="Only rimlight.")
@threads_option(2)
@click.option("--per-clip", is_flag=True, help="A row for each clip too.")
@out_option
def quality_command(folder: Path, out: Path | None, **options: Any) -> None:
    """Score mattes on clips with the truth.

    FOLDER holds CLIP/src, CLIP/pha and, where it is known, CLIP/fgr.
    """
    from rimlight.benchmarks.peers import USUAL_PEERS
    from rimlight.benchmarks.quality_run import Exam, run

    peers = () if options["no_peers"] else options["peers"] or USUAL_PEERS
    exam = Exam(folder, options["backends"], peers, options["threads"], options["per_clip"], options["weights"])
    table, paths = run(exam, out, say)
    click.echo(table)
    say(", ".join(str(path) for path in paths))


@bench.command("memory")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=10, show_default=True)
@one_size("1280x720")
@source_option
@click.option("--sink", default="null:i420", show_default=True, help="Where frames go.")
@click.option("--backdrop", default="blur", show_default=True)
@click.option("--every", "every_s", type=click.FloatRange(0), default=1.0, show_default=True, help="Seconds a look.")
@backend_option
@click.option("--device", default="cpu", show_default=True, help="Where the backend runs.")
@threads_option(None)
@out_option
def memory_command(minutes: float, out: Path | None, **options: Any) -> None:
    """Watch memory and threads during a long stream."""
    from rimlight.benchmarks.memory import Soak, render, soak
    from rimlight.realtime.session import Settings

    settings = Settings(**{name: options.pop(name) for name in ("backend", "backdrop", "device", "threads")})
    finish(soak(Soak(settings, minutes * 60, **options)), render, out)


@bench.command("serve")
@one_size("1280x720")
@click.option("--sessions", type=click.IntRange(1, 16), default=1, show_default=True, help="People at once.")
@click.option(
    "--case", "cases", multiple=True, metavar="WxHxN",
    help="Size and people, such as 640x360x2, in place of both; may be repeated: all are run in turn.",
)  # fmt: skip
@click.option("--rounds", type=click.IntRange(1), default=1, show_default=True, help="How often all are run.")
@click.option("--low-delay/--no-low-delay", default=True, show_default=True, help="As of rimlight serve.")
@click.option("--both-delays", is_flag=True, help="Every case with and without --low-delay.")
@click.option("--seconds", type=click.FloatRange(1), default=20.0, show_default=True, help="Measured of each run.")
@click.option("--warm-up", "warm_up_s", type=click.FloatRange(0), default=6.0, show_default=True, metavar="S")
@click.option("--quality", type=click.Choice(["low", "medium", "high"]), default="medium", show_default=True)
@click.option("--codec", type=click.Choice(["auto", "vp8", "h264"]), default="auto", show_default=True)
@backend_option
@threads_option(None)
@out_option
def serve_command(cases: tuple[str, ...], low_delay: bool, both_delays: bool, out: Path | None, **options: Any) -> None:
    """Time a real browser's video through rimlight serve and back.

    Needs Chromium, and Playwright to drive it.
    """
    from rimlight.benchmarks.serve import Case, Plan, case_of, measure, render

    size, sessions = options.pop("size"), options.pop("sessions")
    asked = [case_of(text) for text in cases] or [(size, sessions)]
    delays = (True, False) if both_delays else (low_delay,)
    plan = Plan(tuple(Case(*one, delay) for one in asked for delay in delays), **options)
    finish(measure(plan, say), render, out)


@bench.command("gpu")
@several_sizes(*VIDEO_SIZES, "3840x2160")
@click.option(
    "--streams", multiple=True, type=click.IntRange(1, 256), default=(1, 8, 32), show_default=True,
    help="Frames of one call, of as many streams; may be repeated.",
)  # fmt: skip
@click.option("--device", default="cuda", show_default=True, help="cpu tries the run out: no measurement, needs --out.")
@click.option("--detail", "long_side", default=512, show_default=True, metavar="PX",
              help="Longer side of the network's picture.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="Of a case.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often all have their turn.")
@click.option("--limit", "limit_s", type=click.FloatRange(0), metavar="S", help="Begin nothing after so long.")
@click.option("--engine-level", type=click.IntRange(0, 5), help="How long TensorRT builds  [default: its own choice]")
@click.option("--peers", type=click.Path(path_type=Path), help="Folder of peers' models  [default: the user's cache]")
@out_option
def gpu_command(out: Path | None, **options: Any) -> None:
    """Time rimlight and RVM on a GPU, by the GPU's own clock.

    Alone and with many streams, in turn; what is not installed is reported as absent.
    """
    from rimlight.benchmarks.gpu.plan import Plan, measure, render

    plan = Plan(**options)
    if plan.stands_in and out is None:
        raise click.UsageError("--device cpu measures nothing; give --out FOLDER for its record")
    finish(measure(plan, say), render, out)


@bench.command("report")
@click.option("--check", is_flag=True, help="Write nothing; fail if a document or chart is stale.")
@click.option("--results", type=click.Path(path_type=Path), help="Folder of records  [default: benchmarks/results]")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of charts  [default: docs/images]")
@click.argument("documents", nargs=-1, type=click.Path(path_type=Path))
def report_command(check: bool, **options: Any) -> None:
    """Write documents' tables and charts anew.

    DOCUMENTS are README.md and those of docs/ that have blocks, unless others are named.
    """
    from rimlight.benchmarks import report

    places = report.usual_places(options["results"], options["documents"], options["images"])
    if check:
        report.check(places)
        say("documents and charts say what the records say")
        return
    changed = report.update(places)
    say(", ".join(path.name for path in changed) or "nothing to change")


for command in (batch_command, gateway_command, scale_command, studio_command, studio_edit_command):
    bench.add_command(command)
