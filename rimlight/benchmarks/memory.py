"""Whether memory grows while a long stream runs: the process's resident memory over time, and its slope."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rimlight.benchmarks.footage import clip_file
from rimlight.benchmarks.ours import check_backend
from rimlight.benchmarks.records import Record
from rimlight.benchmarks.running import Running
from rimlight.benchmarks.sources import Looped
from rimlight.benchmarks.tables import markdown
from rimlight.errors import FrameError, MissingExtraError
from rimlight.realtime.runner import run_stream
from rimlight.realtime.session import Settings
from rimlight.types import Frame, Size

try:
    import psutil
except ImportError as error:
    raise MissingExtraError("rimlight bench memory", "psutil", "bench") from error

MIB = 2**20
SETTLE = 0.2  # share of the run that is left out of the slope: pools and caches fill
MOST_SAMPLES = 600  # kept in a record
FEWEST_SAMPLES = 5


class Sample(NamedTuple):
    """One look at the process: seconds since the start, resident MiB, threads, frames written so far."""

    at_s: float
    rss_mib: float
    threads: int
    frames: int


class Slope(NamedTuple):
    """Growth in MiB a minute by least squares, and the standard error of it."""

    mib_per_min: float
    error: float


@dataclass(frozen=True, slots=True)
class Soak:
    """What runs: a video (None: the portrait at size) over and over, to a sink, for so many seconds."""

    settings: Settings
    seconds: float = 600
    size: Size = field(default_factory=lambda: Size(720, 1280))
    source: Path | None = None
    sink: str = "null:i420"
    every_s: float = 1.0


class Watch:
    """Looks at the process when a frame is written and a look is due."""

    def __init__(self, every_s: float, now: Callable[[], float] = time.perf_counter) -> None:
        self._every_s, self._now = every_s, now
        self._start_s = now()
        self._frames = 0
        self._process = psutil.Process()
        self.samples: list[Sample] = []

    @property
    def elapsed_s(self) -> float:
        return self._now() - self._start_s

    def __call__(self, frame: Frame) -> None:  # noqa: ARG002 - counted, not looked at
        self._frames += 1
        at_s = self.elapsed_s
        if self.samples and at_s < self.samples[-1].at_s + self._every_s:
            return
        rss_mib = self._process.memory_info().rss / MIB
        self.samples.append(Sample(at_s, rss_mib, self._process.num_threads(), self._frames))


def slope_of(samples: Sequence[Sample]) -> Slope:
    """Least squares through (minutes, MiB); raises FrameError for fewer than FEWEST_SAMPLES looks."""
    if len(samples) < FEWEST_SAMPLES:
        raise FrameError(f"expected at least {FEWEST_SAMPLES} looks at the memory, got {len(samples)}; run longer")
    minutes = np.array([sample.at_s for sample in samples]) / 60
    rss = np.array([sample.rss_mib for sample in samples])
    centred = minutes - minutes.mean()
    spread = float((centred**2).sum())
    slope = float((centred * rss).sum() / spread)
    residual = rss - rss.mean() - slope * centred
    return Slope(slope, float(np.sqrt((residual**2).sum() / (len(rss) - 2) / spread)))


def soak(asked: Soak, now: Callable[[], float] = time.perf_counter) -> Record:
    """Run the stream and watch it. Raises RimlightError, FrameError where it was too short for a slope."""
    check_backend(asked.settings.backend)
    path = asked.source or clip_file(asked.size)
    running = Running()
    watch = Watch(asked.every_s, now)
    with Looped(path, lambda: watch.elapsed_s >= asked.seconds) as source:
        size = source.size
        report = run_stream(source, asked.sink, asked.settings, written=watch)
    settings = {
        "seconds": asked.seconds, "source": path.name, "size": str(size), "sink": asked.sink,
        "backdrop": asked.settings.backdrop, "every_s": asked.every_s, "backend": asked.settings.backend,
    }  # fmt: skip
    figures = {"device": report.device, "fps": round(report.snapshot.fps, 2)}
    figures |= figures_of(watch.samples, asked.seconds)
    return running.record("memory", settings, figures)


def figures_of(samples: Sequence[Sample], seconds: float) -> dict[str, Any]:
    """Slope over the settled part, and the samples, thinned to MOST_SAMPLES."""
    settled = [sample for sample in samples if sample.at_s >= SETTLE * seconds]
    slope = slope_of(settled)
    step = -(-len(samples) // MOST_SAMPLES)
    return {
        "slope_mib_per_min": round(slope.mib_per_min, 4),
        "slope_error": round(slope.error, 4),
        "rss_mib": {
            "settled": round(settled[0].rss_mib, 1),
            "last": round(settled[-1].rss_mib, 1),
            "most": round(max(sample.rss_mib for sample in samples), 1),
        },
        "threads": {
            "settled": settled[0].threads,
            "last": settled[-1].threads,
            "most": max(sample.threads for sample in samples),
        },
        "frames": samples[-1].frames,
        "samples": [[round(sample.at_s, 2), round(sample.rss_mib, 2), sample.threads] for sample in samples[::step]],
    }


def render(record: Record) -> str:
    """A Markdown table of the run in one row."""
    found, asked = record.figures, record.settings
    head = ["stream", "minutes", "frames", "RSS settled MiB", "RSS last MiB", "MiB a minute", "threads"]
    rss, threads = found["rss_mib"], found["threads"]
    row = [
        f"{asked['size']} to {asked['sink']}", f"{asked['seconds'] / 60:.1f}", str(found["frames"]),
        f"{rss['settled']:.0f}", f"{rss['last']:.0f}",
        f"{found['slope_mib_per_min']:+.2f} ± {found['slope_error']:.2f}", f"{threads['settled']} to {threads['last']}",
    ]  # fmt: skip
    return markdown([head, row])
