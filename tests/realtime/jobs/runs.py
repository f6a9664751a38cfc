"""A clip to share out, runs in one process and in jobs, and what came of them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rimlight.realtime.jobs import plan_jobs, run_jobs
from rimlight.realtime.jobs.worker import Job, Report, Wrote, mat
from rimlight.realtime.runner import run_stream
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.options import Alpha
from rimlight.realtime.sources import open_source
from tests.realtime.sinks.outputs import pictures
from tests.realtime.sources.media import numbered, write_video

COUNT = 50
CLEAR = Settings(backend="fake", backdrop="transparent", long_side=128, threads=1)


class HereCrew:
    """Does the jobs in this process, one after the other, as processes would get them."""

    def __init__(self, given: Sequence[Job]) -> None:
        self.given: list[Job] = [pickle.loads(pickle.dumps(job)) for job in given]

    def __enter__(self) -> HereCrew:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs on."""

    def reports(self) -> Iterator[tuple[Job, Report]]:
        for job in self.given:
            wrote: list[Report] = []
            finished = mat(job, lambda: wrote.append(Wrote()))  # noqa: B023 - called in this round only
            yield from ((job, report) for report in [*wrote, finished])


def write_clip(folder: Path) -> Path:
    """COUNT frames with B-frames, and sound."""
    return write_video(folder / "clip.mp4", numbered(COUNT), options={"bf": "3"}, sound="aac")


def whole(clip: Path, out: Path | str, settings: Settings, alpha: Alpha = True, sound: bool = True) -> Path:
    """Written by one process."""
    with open_source(str(clip)) as source:
        run_stream(source, str(out), settings, alpha=alpha, sound_from=str(clip) if sound else None)
    return Path(out)


def split(
    clip: Path, out: Path | str, settings: Settings, alpha: Alpha = True, sound: bool = True, count: int = 3
) -> Path:  # fmt: skip
    """Written by several jobs."""
    plan = plan_jobs(str(clip), str(out), count, settings.batch)
    assert len(plan.shares) == count
    run_jobs(plan, str(out), settings, alpha=alpha, sound_from=str(clip) if sound else None)
    return Path(out)


def same_images(one: Path, other: Path) -> bool:
    """Whether files that hold alpha without loss hold the same, bit for bit."""
    pairs = zip(images(one), images(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def images(path: Path) -> list[np.ndarray]:
    """(H, W, 4) of every frame."""
    return [picture.to_ndarray(format="bgra") for picture in pictures(path)]


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".") or "part" in path.name]
