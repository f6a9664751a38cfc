"""What the commands do once their options are parsed: progress on the terminal, a summary after."""

from __future__ import annotations

import logging
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import click
from tqdm import tqdm

from rimlight.compose import EdgeOptions
from rimlight.config import Layers
from rimlight.errors import RimlightError, SourceError
from rimlight.live_command import LIVE_ONLY, Request, run_request
from rimlight.realtime.batch import batch_for
from rimlight.realtime.governor import Budget
from rimlight.realtime.jobs import Plan, plan_jobs, run_jobs
from rimlight.realtime.preview import preview_stats
from rimlight.realtime.runner import Report, run_stream
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks import Alpha, check_apart
from rimlight.realtime.sources import kind_of as source_kind
from rimlight.realtime.sources import open_source
from rimlight.realtime.sources.base import Source
from rimlight.realtime.sources.file import FileSource
from rimlight.realtime.stats import Stats
from rimlight.types import Frame, Size

log = logging.getLogger(__name__)
FASTEST_HZ = 1000


@dataclass
class Progress:
    """A bar with frames per second and time to go, on terminals only; taken back where an error follows."""

    total: int | None
    quiet: bool

    def __enter__(self) -> Progress:
        hidden = True if self.quiet else None  # None: unless on a terminal
        self._bar = tqdm(total=self.total, unit=" frame", disable=hidden, file=sys.stderr)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.leave = kind is None or issubclass(kind, KeyboardInterrupt)
        self._bar.close()

    def __call__(self, frame: Frame | None = None) -> None:  # noqa: ARG002 - counted, not looked at
        self._bar.update()


def settings_from(options: dict[str, Any]) -> Settings:
    """Settings of the parsed options; what a command does not have keeps its default."""
    edges = EdgeOptions(
        options.get("feather", 0.0), options.get("shift", 0.0), options.get("decontaminate", True)
    )  # fmt: skip
    return Settings(
        backend=options["backend"], backdrop=options.get("backdrop", "blur"), edges=edges, device=options["device"],
        long_side=options["detail"], batch=options.get("batch") or 1, threads=options["threads"],
    )  # fmt: skip


def run_from_options(options: dict[str, Any], layers: Layers | None = None) -> None:
    """`rimlight run`; layers: where the options come from, to look there again."""
    plan = _plan(options) if options["jobs"] > 1 else None  # by names first: no camera is opened to be refused
    stats = Stats()
    with _first(options) as source:
        if source is None or source.live:
            run_request(_request(options, source, layers))
            return
        _check_file_options(layers)
        count = plan.count if plan else source.count
        with Progress(count, options["quiet"]) as progress:
            report = _run(options, source, plan, stats, progress)
    if not options["quiet"]:
        summarise(report)


def _run(options: dict[str, Any], source: Source, plan: Plan | None, stats: Stats, progress: Progress) -> Report:
    settings = replace(settings_from(options), batch=_batch(options, live=source.live))
    budget = budget_from(options, source)
    alpha: Alpha = "side-by-side" if options["side_by_side"] else True
    sound_from = (
        options["source"].removeprefix("file:") if options["sound"] and isinstance(source, FileSource) else None
    )
    if not source.live:
        check_apart(options["sink"], options["source"].removeprefix("file:"))
    if plan is None:
        with preview_stats(stats, settings.edges) if options["preview"] else nullcontext() as preview:

            def written(frame: Frame) -> None:
                progress(frame)
                if preview is not None:
                    preview.written(frame)

            return run_stream(
                source, options["sink"], settings, alpha=alpha, sound_from=sound_from, budget=budget, stats=stats,
                written=written, observe=preview.observe if preview else None,
            )  # fmt: skip
    if options["preview"]:
        raise SourceError("a preview shows one process's pictures; leave --preview out, or --jobs")
    if budget is not None:
        raise SourceError("a budget is for live sources; every frame of a file is matted at full detail, leave it out")
    return run_jobs(
        plan, options["sink"], settings, alpha=alpha, sound_from=sound_from, stats=stats, written=progress
    )  # fmt: skip


def _request(options: dict[str, Any], source: Source | None, layers: Layers | None) -> Request:
    rate = _rate(options["camera_rate"]) if options["camera_rate"] else None
    size = Size.parse(options["camera_size"]) if options["camera_size"] else None
    settings = replace(settings_from(options), batch=1)

    def budget(rate: Fraction) -> Budget | None:
        return budget_of(options["target_fps"], options["cpu_share"], rate)

    return Request(options, settings, source, lambda: _open(options), size, rate, budget, layers)


def _first(options: dict[str, Any]) -> AbstractContextManager[Source | None]:
    """The source, or None for a camera that is not there and is to be waited for."""
    try:
        return _open(options)
    except SourceError as error:
        if not options["wait"] or source_kind(options["source"])[0] != "camera":
            raise
        log.warning("%s; the cover is shown until it comes", error)
        return nullcontext()


def _check_file_options(layers: Layers | None) -> None:
    """Raise SourceError for options of live sources that were written on the command line of a file."""
    asked = [name for name in LIVE_ONLY if layers and name in layers.given]
    if asked:
        raise SourceError(f"--{asked[0].replace('_', '-')} is for live sources; leave it out for a file")


def _plan(options: dict[str, Any]) -> Plan | None:
    """How the frames are shared out, None where one process is to mat them all."""
    plan = plan_jobs(options["source"], options["sink"], options["jobs"], _batch(options, live=False))
    if not plan.shares:
        log.warning("%s has timestamps that cannot be relied on, so it is not split: one job mats it all", plan.path)
    return plan if len(plan.shares) > 1 else None


def _batch(options: dict[str, Any], *, live: bool) -> int:
    return options["batch"] or batch_for(options["device"], options["detail"], live=live)


def _open(options: dict[str, Any]) -> Source:
    size = Size.parse(options["camera_size"]) if options["camera_size"] else None
    rate = _rate(options["camera_rate"]) if options["camera_rate"] else None
    return open_source(options["source"], size=size, rate=rate)


def _rate(text: str) -> Fraction:
    """Frames per second, above 0 and up to FASTEST_HZ, as 30, 29.97 or 30000/1001."""
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= FASTEST_HZ:
        raise RimlightError(f"expected a frame rate such as 30 or 30000/1001, up to {FASTEST_HZ}, got {text!r}")
    return rate


def budget_from(options: dict[str, Any], source: Source) -> Budget | None:
    """What a live source may use, by default the time it leaves between frames; None for files and for "off"."""
    asked = "off" if options["target_fps"] is None and not source.live else options["target_fps"]
    return budget_of(asked, options["cpu_share"], source.rate)


def budget_of(asked: str | None, share: float | None, rate: Fraction) -> Budget | None:
    """The budget of a live source of that rate, as the options ask for it; None for no limits at all."""
    fps = None if asked == "off" else float(rate if asked is None else _rate(asked))
    return None if fps is None and share is None else Budget(fps, share)


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
    with Progress(2 * FRAMES, False) as progress:
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
    for camera in list_cameras() or ["none found"]:
        click.echo(f"camera   {camera}")
