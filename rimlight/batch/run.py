"""A batch from an order to its end: manifest, workers, progress and report put together."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rimlight.batch.board import Board, View
from rimlight.batch.driver import Driver
from rimlight.batch.local import LocalPool
from rimlight.batch.manifest import Manifest
from rimlight.batch.plan import Choices, Order, prepare, state_folder
from rimlight.batch.pool import Pool, parse_workers
from rimlight.batch.progress import Collector, Lines, events_to
from rimlight.batch.report import write_report
from rimlight.batch.storage import is_url
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
        with _nothing_of_nothing(state):
            manifest = stack.enter_context(Manifest(state))
            recipe, choices = prepare(order, manifest)
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
            raise KeyboardInterrupt(f"what is done stays done; go on with: {_again(order)}") from error
        finally:
            write_report(manifest, report_path(order.out, state))
        if not means.quiet:
            lines.finish()
        return board.view()


@contextmanager
def _nothing_of_nothing(state: Path) -> Iterator[None]:
    """Take a new state folder back where a batch could not be begun."""
    new = not state.exists()
    try:
        yield
    except RimlightError:
        if new:
            shutil.rmtree(state, ignore_errors=True)
            with suppress(OSError):  # there are other files
                state.parent.rmdir()
        raise


def report_path(out: str, state: Path) -> Path:
    """Where the report of a batch is written: among its outputs, or beside its manifest where those are far."""
    return (state if is_url(out) else Path(out)) / REPORT


def _again(order: Order) -> str:
    state = f" --state {order.state}" if order.state else ""
    return f"rimlight batch --out {order.out}{state}"


def _pool(means: Means, choices: Choices) -> Pool:
    if means.ray is not None:
        from rimlight.batch.on_ray import RayPool

        return RayPool(means.ray, means.workers, means.device, choices.threads, means.memory_gib)
    workers = parse_workers(means.workers, means.device, int(processors()) // choices.threads)
    return LocalPool(workers, choices.threads, means.stall_s)
