"""A file matted by several processes at once, each with a range of its frames.

The mattes are those of one process: bit for bit with OpenVINO, and with ONNX Runtime where the network gets as many
threads, on whose number the last bits of its sums depend.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from rimlight.errors import JobError
from rimlight.kernels.processors import processors
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.jobs.crew import Crew
from rimlight.realtime.jobs.outputs import Output, open_output
from rimlight.realtime.jobs.plan import Plan, Share, plan_jobs
from rimlight.realtime.jobs.worker import Finished, Job, Warned, Wrote
from rimlight.realtime.runner import Report
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks import Alpha
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.options import Options
from rimlight.realtime.sinks.undisturbed import undisturbed
from rimlight.realtime.stats import Stats

__all__ = ["Plan", "Share", "plan_jobs", "run_jobs"]

log = logging.getLogger(__name__)
NOTHING_KEPT = "with --jobs nothing is kept of a run that is broken off"


def run_jobs(
    plan: Plan, sink: str, settings: Settings, *, alpha: Alpha = True, sound_from: str | None = None,
    stats: Stats | None = None, written: Callable[[], None] = lambda: None,
) -> Report:  # fmt: skip
    """Mat the file of a plan, one process per share, and write it to the sink of that name.

    settings.threads: of the network in each process; None shares the processors out evenly. alpha, sound_from: as in
    run_stream. written: called after every frame. The output appears when all is done; if a job fails or dies, or
    KeyboardInterrupt comes, all are ended and nothing is left of it. Call it under `if __name__ == "__main__":`, since
    the processes import the main module anew. Raises RimlightError; JobError names the frames of the job.
    """
    if not plan.shares:
        raise JobError(f"{plan.path} has timestamps that cannot be relied on, so it is not split; use run_stream")
    stats = stats or Stats()
    info = StreamInfo(plan.size, plan.rate, sound_from)
    output = open_output(sink, info, Options(_transparent(settings.backdrop) and alpha))
    try:
        with Crew(_jobs(plan, output, settings)) as crew:
            finished = _follow(crew, stats, written)
        output.finish([finished[number].begins_s for number in range(len(plan.shares))])
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(NOTHING_KEPT) from error
    finally:
        with undisturbed():
            output.remove()
    return Report(f"{finished[0].device}, {len(finished)} jobs", stats.snapshot())


def _transparent(backdrop: str) -> bool:
    """Whether output carries alpha; raises BackdropError before any process is begun."""
    opened = open_backdrop(backdrop)
    opened.close()
    return opened.transparent


def _jobs(plan: Plan, output: Output, settings: Settings) -> list[Job]:
    threads = max(1, int(processors()) // len(plan.shares))
    settings = replace(settings, threads=settings.threads or threads)
    return [Job(number, plan.path, share, output, settings, threads) for number, share in enumerate(plan.shares)]


def _follow(crew: Crew, stats: Stats, written: Callable[[], None]) -> dict[int, Finished]:
    """What the jobs ended with, by their numbers."""
    finished: dict[int, Finished] = {}
    said: set[str] = set()
    for job, report in crew.reports():
        if isinstance(report, Wrote):
            stats.count("out")
            written()
        elif isinstance(report, Warned) and report.text not in said:
            said.add(report.text)
            log.warning("%s: %s", job.share, report.text)
        elif isinstance(report, Finished):
            stats.merge(report.stats)
            finished[job.number] = report
    return finished
