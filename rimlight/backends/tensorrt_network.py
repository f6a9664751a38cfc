"""The network as TensorRT runs it on one GPU: device, library, precision, and engines from the cache.

What the backend of one stream, that of many and the device path share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from rimlight.backends.tensorrt_blocks import Layout
from rimlight.backends.tensorrt_build import BuildOrder, build
from rimlight.backends.tensorrt_cache import engine_path, found_or_built, notes_of, timings_path
from rimlight.backends.tensorrt_compat import library
from rimlight.backends.tensorrt_engine import Engine, Run
from rimlight.backends.tensorrt_given import GivenEngine, read_given
from rimlight.errors import BackendError, WeightsError
from rimlight.gpu import open_driver
from rimlight.gpu.resources import Buffer
from rimlight.graph.fixed import engine_graph
from rimlight.graph.streams import Streams
from rimlight.signature import CallShape, check_internal
from rimlight.types import Size

Precision = Literal["f16", "f32"]
PATIENCE_S = 10.0  # for a step
GRAPHS = 4  # kept in this process, for whoever opens the same again: making one takes half a second
FIRST_PATIENCE_S = 120.0  # for the first one of an engine, which may compile

_left: list[Run] = []  # of GPUs that failed


class TensorRtNetwork:
    """One GPU, internal size and precision; opens engines for as many frames and streams as a call takes.

    level: how long a build searches, 0 to 5; the library's own, about 3, may take minutes. engine: a file that
    `rimlight export` wrote, which is taken as it is, in its own precision; then nothing is built. driver: of that GPU;
    everything that was made by it is freed by close. stream: where all work is queued. Raises FrameError for a size off
    the grid or that the engine is not for, WeightsError for an engine that cannot be used, BackendError for a device
    that is not there or that library or engine are not for, MissingExtraError without TensorRT or a binding to the
    driver.
    """

    def __init__(
        self, size: Size, device: str, precision: Precision, level: int | None = None, engine: Path | None = None
    ) -> None:
        check_internal(size)
        index = index_of(device)
        if precision not in ("f16", "f32"):
            raise BackendError(f"expected precision f16 or f32, got {precision!r}")
        self.size, self._precision, self._level = size, precision, level
        self.given = None if engine is None else _given(engine, size)
        self.library = self.given.library() if self.given else library()
        self.driver = open_driver("auto", index)
        self._runs: list[Run] = []
        try:
            self._check_capability()
            self.stream = self.driver.stream()
        except BackendError:
            self.driver.close()
            raise

    @property
    def precision(self) -> str:
        """What really runs: f16 or f32, or int8 where an engine was given."""
        return self.given.precision if self.given else self._precision

    @property
    def device(self) -> str:
        return f"{self.library} on {self.driver.info.name}, {self.precision}"

    def run(self, shape: CallShape, streams: Streams | None = None) -> Run:
        """What runs an engine for calls of that shape, or of any of those numbers of streams.

        It is the one that was given, or else built if need be. Raises FrameError where the given one does not take
        such calls, WeightsError where the library refuses it.
        """
        streams = streams or Streams.fixed(shape.streams)
        with self.driver.current():
            run = self._opened(self.given, shape, streams) if self.given else self._kept(shape, streams)
            self._runs.append(run)
            if self.given and not self.given.streams.is_fixed:
                run.take(shape.streams)
            return run

    def _opened(self, given: GivenEngine, shape: CallShape, streams: Streams) -> Run:
        given.check_call(shape, streams)
        most = replace(shape, streams=given.streams.most)
        kernels = engine_path(notes_of(self.library, self.driver.info, given.plan)).with_suffix(".kernels")
        try:
            return Engine(self.library, given.plan, most, free=not given.streams.is_fixed).run(kernels)
        except WeightsError as error:
            raise WeightsError(
                f"{given.name}: {error}; build it again with rimlight export {given.kind} on this machine"
            ) from error

    def _kept(self, shape: CallShape, streams: Streams) -> Run:
        """An engine of the cache, built if need be."""
        graph = _graph(self.size, streams, self._precision, shape.frames)
        notes = notes_of(
            self.library, self.driver.info, graph,
            precision=self._precision, size=self.size, frames=shape.frames, streams=streams,
            level=self._level,
        )  # fmt: skip
        order = BuildOrder(streams, (self._capability,) if self.library.targets else (), level=self._level)
        path = engine_path(notes)
        try:
            engine = found_or_built(
                path, notes,
                load=lambda plan: Engine(self.library, plan, shape, free=not streams.is_fixed),
                build=lambda: build(self.library, graph, order, timings_path(notes)),
            )  # fmt: skip
            return engine.run(path.with_suffix(".kernels"))
        except WeightsError as error:
            raise BackendError(f"the engine that was built cannot be used: {error}; use another --backend") from error

    @contextmanager
    def opening(self) -> Iterator[None]:
        """The GPU is current for what is opened inside; if that fails, everything is freed again."""
        try:
            with self.driver.current():
                yield
        except BaseException:
            self.close()
            raise

    def block(self, layout: Layout) -> Buffer:
        """Device memory for these arrays, all zero."""
        buffer = self.driver.buffer(layout.size_bytes)
        self.driver.clear(buffer, self.stream)
        return buffer

    def settle(self, run: Run) -> None:
        """One call for nothing: what is compiled or allocated at the first is there before one is recorded."""
        with self.driver.current():
            run.enqueue(self.stream)
            self.driver.wait(self.stream, FIRST_PATIENCE_S)
            run.keep_kernels()

    def close(self) -> None:
        """Free everything on the GPU; nothing happens the second time.

        The library's part goes first and only once its work is done: it waits for that without end, and needs the
        device current. Where the GPU does not get there it is left to the end of the process.
        """
        runs, self._runs = self._runs, []
        try:
            if runs:
                with self.driver.current():
                    self.driver.wait(self.stream, PATIENCE_S)
                    for run in runs:
                        run.close()
        except BackendError:
            _left.extend(runs)
        self.driver.close()

    @property
    def _capability(self) -> str:
        return "{}.{}".format(*self.driver.info.capability)

    def _check_capability(self) -> None:
        known = self.library.capabilities
        if self.given:
            self.given.check_capability(self._capability, self.driver.info.name)
        elif known and self._capability not in known:
            raise BackendError(
                f"{self.library} has no engines for {self.driver.info.name}: its compute capability is "
                f"{self._capability}, expected {', '.join(known)}; install TensorRT, or use --backend torch"
            )


def _given(path: Path, size: Size) -> GivenEngine:
    given = read_given(path)
    given.check_size(size)
    return given


@lru_cache(maxsize=GRAPHS)
def _graph(size: Size, streams: Streams, precision: Precision, frames: int) -> bytes:
    return engine_graph(size, streams, precision, frames=frames)


def index_of(device: str) -> int:
    """The number of a GPU from "cuda" or "cuda:N"; "cpu", which --device says by itself, means the first too.

    Raises BackendError for anything else.
    """
    match = re.fullmatch(r"cpu|auto|cuda(?::(\d{1,3}))?", device)
    if match is None:
        raise BackendError(f"TensorRT has no device {device!r}; use --device cuda, or cuda:1 for the second GPU")
    return int(match[1] or 0)
