"""What `rimlight run` does with a live source: control, metrics, the status line, and a file that is read again."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TextIO

import click

from rimlight.config import Layers
from rimlight.errors import ConfigError, ControlError, RimlightError
from rimlight.realtime.control.changes import Controls
from rimlight.realtime.control.describe import one_line
from rimlight.realtime.control.server import ControlServer
from rimlight.realtime.governor import Budget
from rimlight.realtime.live import Live, Status
from rimlight.realtime.live_run import Reopening, run_live
from rimlight.realtime.preview import preview_live
from rimlight.realtime.safety import Limits, State
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks import Alpha
from rimlight.realtime.sinks import kind_of as sink_kind
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.virtualcam import even
from rimlight.realtime.sources.base import Source
from rimlight.types import Size

log = logging.getLogger(__name__)
LIVE_ONLY = (
    "mirror", "wait", "always_on", "late_after", "cover_after", "control", "control_port", "metrics_port",
)  # fmt: skip
# Keys of the file whose changes a running stream takes, and what they are called there; edges have several.
CHANGES = {
    "backdrop": "backdrop", "mirror": "mirror", "detail": "quality", "feather": "edges", "shift": "edges",
    "decontaminate": "edges", "target-fps": "target_fps", "cpu-share": "cpu_share",
}  # fmt: skip
USUAL_SIZE, USUAL_RATE = Size(720, 1280), Fraction(30)


@dataclass(frozen=True, slots=True)
class Request:
    """A live run, as the options ask for it. first: the source if it is open already, None if it is waited for."""

    options: Mapping[str, Any]
    settings: Settings
    first: Source | None
    again: Callable[[], Source]
    size: Size | None
    rate: Fraction | None
    budget: Callable[[Fraction], Budget | None]
    layers: Layers | None = None


def limits_of(options: Mapping[str, Any]) -> Limits:
    """The ages at which a picture is late and at which it is covered; raises RimlightError."""
    try:
        return Limits(options["late_after"], options["cover_after"])
    except ValueError as error:
        raise RimlightError(f"--late-after and --cover-after do not go together: {error}") from error


def run_request(request: Request) -> None:
    """Run until a signal or the receiver ends it; raises RimlightError, KeyboardInterrupt after a SIGINT."""
    options, first = request.options, request.first
    opener = Reopening(first, request.again)
    size = first.size if first else request.size or USUAL_SIZE
    size = even(size) if sink_kind(options["sink"])[0] == "virtualcam" else size
    rate = first.rate if first else request.rate or USUAL_RATE
    with ExitStack() as stack:
        stack.callback(opener.close)
        live = Live(
            opener, request.settings, size, rate, limits=limits_of(options), mirror=options["mirror"],
            budget=request.budget(rate),
        )  # fmt: skip
        preview = stack.enter_context(preview_live(live)) if options["preview"] else None
        controls = Controls(live)
        _serve(controls, options, stack)
        each_second = _each_second(controls, request, rate, stack)
        alpha: Alpha = "side-by-side" if options["side_by_side"] else True

        def watch(on: bool) -> None:
            on = on or options["always_on"]
            if not on:
                opener.close()  # nobody looks yet: the camera that was opened to ask for its size is freed again
            live.watch(on)

        info = StreamInfo(size, rate)
        run_live(live, options["sink"], info, alpha=alpha, each_second=each_second, watch=watch,
                 written=preview.written if preview else lambda _: None)  # fmt: skip
    if not options["quiet"]:
        click.echo(summary(live.status()), err=True)


def summary(status: Status) -> str:
    """What a stream did, on one line, at its end."""
    counts = status.stats.counts
    device = f" on {status.device}" if status.device else ""
    return (
        f"{counts.get('out', 0)} frames, {status.stats.fps:.1f} fps, {counts.get('out_cover', 0)} of them covered, "
        f"{counts.get('faults', 0)} faults{device}"
    )


def _serve(controls: Controls, options: Mapping[str, Any], stack: ExitStack) -> None:
    """Control and metrics. Without control the stream still runs, unless a port was asked for."""
    if options["control"]:
        try:
            stack.enter_context(ControlServer(controls, options["control_port"] or 0))
        except ControlError as error:
            if options["control_port"]:
                raise
            log.warning("no control of this stream: %s", error)
    if options["metrics_port"] is not None:
        from rimlight.realtime.telemetry import serve_metrics

        _, close = serve_metrics(controls.live, options["metrics_port"])
        stack.callback(close)


def _each_second(controls: Controls, request: Request, rate: Fraction, stack: ExitStack) -> Callable[[], None]:
    line = StatusLine(sys.stderr) if not request.options["quiet"] else None
    layers = request.layers
    watch = Watch(layers, controls, rate) if layers and layers.path else None
    if line is not None:
        stack.callback(line.end)

    def each_second() -> None:
        if watch is not None:
            watch.look()
        if line is not None:
            line.show(controls.live.status())

    return each_second


class StatusLine:
    """On a terminal one line that is written over; elsewhere a line whenever the state or its reason changes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._terminal = stream, stream.isatty()
        self._last: tuple[State, str] | None = None
        self._width = 0

    def show(self, status: Status) -> None:
        """Show the status."""
        text = one_line(status)
        if self._terminal:
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        elif self._last != (status.state, "" if status.state is not State.COVER else status.reason):
            self._last = (status.state, "" if status.state is not State.COVER else status.reason)
            self._stream.write(f"rimlight: {text}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line where it is, so that what follows does not write over it."""
        if self._terminal and self._width:
            self._stream.write("\n")


class Watch:
    """Looks whether the configuration file was changed, and lets the running stream take what it can.

    A file that cannot be used changes nothing; why is said once on stderr, and with every status until it is mended.
    """

    def __init__(self, layers: Layers, controls: Controls, rate: Fraction) -> None:
        self._layers, self._controls, self._rate = layers, controls, rate
        self._seen = stamp(layers.path)
        self._options = layers.options()

    def look(self) -> None:
        """Take over a change, if there is one; another change under way is waited for until the next look."""
        now = stamp(self._layers.path)
        if now == self._seen:
            return
        try:
            options = self._layers.options() if now else _gone(self._layers.path)
            changes, later = changed(self._layers, self._options, options, self._rate)
            if changes and not self._controls.change(changes, wait=False):
                return
            self._options = options
            note = f"takes effect at the next start: {', '.join(later)}" if later else ""
        except RimlightError as error:
            note = f"{error}; what was before goes on"
        self._seen = now
        if note and note != self._controls.note:
            log.warning("%s", note)
        self._controls.note = note


def changed(
    layers: Layers, before: Mapping[str, Any], after: Mapping[str, Any], rate: Fraction
) -> tuple[dict[str, Any], list[str]]:
    """What a running stream is to change, as Controls takes it, and the keys that have to wait for a new start."""
    changes: dict[str, Any] = {}
    later = []
    for key, field in layers.fields.items():
        if before[field.name] == after[field.name]:
            continue
        value, name = after[field.name], CHANGES.get(key)
        if name is None:
            later.append(key)
        elif name == "edges":
            changes.setdefault(name, {})[key] = value
        elif name == "target_fps":
            changes[name] = _target(value, rate)
        else:
            changes[name] = "off" if value is None else value
    return changes, later


def _target(value: str | None, rate: Fraction) -> float | str:
    """The target rate as Controls takes it; the camera's own where nothing is asked."""
    if value == "off":
        return value
    try:
        return float(rate if value is None else Fraction(value))
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"expected target-fps as a frame rate such as 30, or off, got {value!r}") from error


def stamp(path: Path | None) -> tuple[int, ...] | None:
    """What changes when a file does; None if it is not there."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino) if found else None


def _gone(path: Path | None) -> dict[str, Any]:
    raise ConfigError(f"{path} is gone")
