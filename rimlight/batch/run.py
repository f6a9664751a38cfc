"""A batch from an order to its end: manifest, workers, progress and report put together."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rimlight.batch.board import Board, View
from rimlight.batch.driver import Driver
from rimlight.batch.items import scratch_folder
from rimlight.batch.local import LocalPool
from rimlight.batch.manifest import Manifest
from rimlight.batch.plan import Choices, Order, prepare, state_folder
from rimlight.batch.pool import Pool, on_processors, parse_workers
from rimlight.batch.progress import Collector, Lines, events_to
from rimlight.batch.report import write_report
from rimlight.batch.storage import check_takes, is_url, remove
from rimlight.errors import RimlightError
from rimlight.kernels.processors import processors
from rimlight.realtime.telemetry import serve_collector

REPORT = "report.html"


@dataclass(frozen=True, slots=True)
class Means:
    """What does the work, and how it is shown.

    workers: as parse_workers reads it; device: of a plain number. ray: address of a cluster, None for processes here.
    memory_gib: what a worker on a cluster is to have. events: file, or "-". metrics_port: None for no metrics.
    """

    workers: str = ""
    device: str = "cpu"
    ray: str | None = None
    memory_gib: float = 1.0
    stall_s: float = 1800.0
    events: str | None = None
    metrics_port: int | None = None
    quiet: bool = False


def run_batch(order: Order, means: Means) -> View:
    """Mat all that an order names, as far as it is not done yet, and write the report beside the manifest.

    What was finished stays finished, however the run ends; the same order goes on. KeyboardInterrupt ends all workers.
    Call it under `if __name__ == "__main__":`, since processes import the main module anew. Raises RimlightError.
    """
    state = state_folder(order.out, order.state)
    with ExitStack() as stack:
        manifest = stack.enter_context(Manifest(state))
        with _nothing_of_nothing(manifest):
            recipe, choices = prepare(order, manifest)
            counts = manifest.counts()
            if is_url(order.out) and counts["pending"] + counts["running"]:  # rather than find out after the first
                check_takes(recipe.drafts)
            stack.callback(remove, str(scratch_folder(recipe.scratch)))  # once the workers below have ended
            board = Board(stack.enter_context(events_to(means.events)))
            if means.metrics_port is not None:
                _, close = serve_collector(Collector(board), means.metrics_port, "--metrics-port")
                stack.callback(close)
            pool = stack.enter_context(_pool(means, choices))
        lines = Lines(board)
        driver = Driver(manifest, pool, recipe, board, (lambda: None) if means.quiet else lines.tick)
        try:
            driver.run()
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(f"what is done stays done; go on with: {again(order.out, order.state)}") from error
        finally:
            write_report(manifest, report_path(order.out, state))
        if not means.quiet:
            lines.finish(report_path(order.out, state))
        return board.view()


@contextmanager
def _nothing_of_nothing(manifest: Manifest) -> Iterator[None]:
    """Take a new manifest back where a batch could not be begun; its lock is held, so nobody else works with it."""
    new = not manifest.settings()
    try:
        yield
    except RimlightError:
        if new:
            manifest.remove()
        raise


def report_path(out: str, state: Path) -> Path:
    """Where the report of a batch is written: among its outputs, or beside its manifest where those are far."""
    return (state if is_url(out) else Path(out)) / REPORT


def again(out: str, state: Path | None) -> str:
    """The command that goes on with a batch, as a shell reads it."""
    return shlex.join(["rimlight", "batch", "--out", out, *(["--state", str(state)] if state else [])])


def _pool(means: Means, choices: Choices) -> Pool:
    if means.ray is not None:
        from rimlight.batch.on_ray import RayPool

        return RayPool(means.ray, means.workers, means.device, choices.threads, means.memory_gib, means.stall_s)
    usual = int(processors()) // choices.threads if on_processors(means.device) else 1
    workers = parse_workers(means.workers, means.device, usual)
    return LocalPool(workers, choices.threads, means.stall_s)
