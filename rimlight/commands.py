"""What the commands do once their options are parsed: progress on the terminal, a summary after."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import click
from tqdm import tqdm

from rimlight.compose import EdgeOptions
from rimlight.errors import RimlightError, SinkError
from rimlight.realtime.runner import Report, run_stream
from rimlight.realtime.session import Settings
from rimlight.realtime.sources import open_source
from rimlight.realtime.sources.base import Source
from rimlight.realtime.stats import Stats
from rimlight.types import Frame, Size


@dataclass
class Progress:
    """A bar with frames per second and time to go on files; one line with latency on live sources."""

    total: int | None
    live: bool
    quiet: bool
    stats: Stats

    def __enter__(self) -> Progress:
        shape = "{desc}{n_fmt} frames, {rate_fmt}{postfix}" if self.live else None
        self._bar = tqdm(total=self.total, unit=" frame", disable=self.quiet, bar_format=shape, file=sys.stderr)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __call__(self, frame: Frame) -> None:
        if self.live and self._bar.n % 15 == 14:
            latency = self.stats.snapshot().stages["latency"]
            self._bar.set_postfix_str(f"latency {latency.p50_ms:.0f} ms, p95 {latency.p95_ms:.0f}")
        self._bar.update()


def settings_from(options: dict[str, Any]) -> Settings:
    """Settings of the parsed options; what a command does not have keeps its default."""
    edges = EdgeOptions(
        options.get("feather", 0.0), options.get("shift", 0.0), options.get("decontaminate", True)
    )  # fmt: skip
    return Settings(
        backend=options["backend"], backdrop=options.get("backdrop", "blur"), edges=edges, device=options["device"],
        long_side=options["detail"], batch=options.get("batch", 1), threads=options["threads"],
    )  # fmt: skip


def run_from_options(options: dict[str, Any]) -> None:
    """`rimlight run`."""
    settings = settings_from(options)
    source = _open(options)
    stats = Stats()
    sound_from = options["source"] if options["sound"] and not source.live and Path(options["source"]).is_file() else None
    with source, Progress(source.count, source.live, options["quiet"], stats) as progress:
        report = run_stream(
            source, options["sink"], settings, alpha=options["alpha"], sound_from=sound_from,
            stats=stats, written=progress,
        )  # fmt: skip
    if not options["quiet"]:
        summarise(report)


def _open(options: dict[str, Any]) -> Source:
    size = Size.parse(options["camera_size"]) if options["camera_size"] else None
    try:
        rate = Fraction(options["camera_rate"]) if options["camera_rate"] else None
    except (ValueError, ZeroDivisionError) as error:
        raise RimlightError(f"expected a frame rate such as 30 or 30000/1001, got {options['camera_rate']!r}") from error
    return open_source(options["source"], size=size, rate=rate)


def summarise(report: Report) -> None:
    """Two lines on stderr: what ran, how fast, where the time went."""
    shot = report.snapshot
    stages = ", ".join(
        f"{name} {shot.stages[name].p50_ms:.1f}" for name in ("read", "matte", "paint", "write") if name in shot.stages
    )
    click.echo(f"{shot.counts.get('out', 0)} frames, {shot.fps:.1f} fps on {report.device}", err=True)
    click.echo(f"median ms per call: {stages}", err=True)


def demo_from_options(folder: Path, options: dict[str, Any]) -> None:
    """`rimlight demo`."""
    from rimlight.demo import FRAMES, run_demo

    click.echo("rimlight demo: the first run also compiles its pixel loops, some seconds once", err=True)
    with Progress(2 * FRAMES, False, False, Stats()) as progress:
        files, report = run_demo(folder, settings_from(options), progress)
    latency = report.snapshot.stages["latency"]
    click.echo(f"composite      {files.demo}")
    click.echo(f"alpha video    {files.alpha}")
    click.echo(f"contact sheet  {files.sheet}")
    click.echo(f"backend        {report.device}")
    click.echo(f"speed          {report.snapshot.fps:.1f} fps")
    click.echo(f"latency        p50 {latency.p50_ms:.0f} ms, p95 {latency.p95_ms:.0f} ms, p99 {latency.p99_ms:.0f} ms")


def list_devices() -> None:
    """`rimlight devices`."""
    from rimlight.backends import BACKENDS, installed
    from rimlight.realtime.sources.camera import list_cameras

    for name, entry in BACKENDS.items():
        state = "installed" if installed(name) else f"not installed: pip install 'rimlight[{entry[3]}]'"
        click.echo(f"backend  {name:10} {state}")
    cameras = list_cameras()
    for camera in cameras:
        click.echo(f"camera   {camera}")
    if not cameras:
        click.echo("camera   none found")


def export_onnx_to(out: Path, weights: Path | None) -> None:
    """`rimlight export onnx`."""
    from rimlight.backends import BACKENDS, installed
    from rimlight.errors import MissingExtraError

    if not installed("torch"):
        raise MissingExtraError("rimlight export", BACKENDS["torch"][2], "export")
    from rimlight.export.to_onnx import export_onnx

    if not out.resolve().parent.is_dir():
        raise SinkError(f"no folder {out.resolve().parent}; make it first")
    export_onnx(out, weights)
    click.echo(f"{out}  {out.stat().st_size / 2**20:.1f} MiB")
