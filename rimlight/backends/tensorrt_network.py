"""The network as TensorRT runs it on one GPU: device, library, precision, and engines from the cache.

What the backend of one stream, that of many and the device path share.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from rimlight.backends.tensorrt_blocks import Layout
from rimlight.backends.tensorrt_build import BuildOrder, build
from rimlight.backends.tensorrt_cache import engine_path, found_or_built, notes_of, timings_path
from rimlight.backends.tensorrt_compat import library
from rimlight.backends.tensorrt_engine import Engine, Run
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

    level: how long a build searches, 0 to 5; the library's own, about 3, may take minutes. driver: of that GPU;
    everything that was made by it is freed by close. stream: where all work is queued. Raises FrameError for a size off
    the grid, BackendError for a device that is not there or that the library has no engines for, MissingExtraError
    without TensorRT or a binding to the driver.
    """

    def __init__(self, size: Size, device: str, precision: Precision, level: int | None = None) -> None:
        check_internal(size)
        index = index_of(device)
        if precision not in ("f16", "f32"):
            raise BackendError(f"expected precision f16 or f32, got {precision!r}")
        self.size, self.precision, self._level = size, precision, level
        self.library = library()
        self.driver = open_driver("auto", index)
        self._runs: list[Run] = []
        try:
            self._check_capability()
            self.stream = self.driver.stream()
        except BackendError:
            self.driver.close()
            raise

    @property
    def device(self) -> str:
        return f"{self.library} on {self.driver.info.name}, {self.precision}"

    def run(self, shape: CallShape, streams: Streams | None = None) -> Run:
        """What runs an engine for calls of that shape, or of any of those numbers of streams; built if need be."""
        streams = streams or Streams.fixed(shape.streams)
        graph = _graph(self.size, streams, self.precision, shape.frames)
        notes = notes_of(
            self.library, self.driver.info, graph,
            precision=self.precision, size=self.size, frames=shape.frames, streams=streams,
            level=self._level,
        )  # fmt: skip
        order = BuildOrder(streams, (self._capability,) if self.library.targets else (), level=self._level)
        path = engine_path(notes)
        with self.driver.current():
            try:
                engine = found_or_built(
                    path, notes,
                    load=lambda plan: Engine(self.library, plan, shape, free=not streams.is_fixed),
                    build=lambda: build(self.library, graph, order, timings_path(notes)),
                )  # fmt: skip
            except WeightsError as error:
                raise BackendError(
                    f"the engine that was built cannot be used: {error}; use another --backend"
                ) from error
            try:
                self._runs.append(engine.run(path.with_suffix(".kernels")))
            except WeightsError as error:
                raise BackendError(f"{error}; use another --backend") from error
            return self._runs[-1]

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
        if known and self._capability not in known:
            raise BackendError(
                f"{self.library} has no engines for {self.driver.info.name}: its compute capability is "
                f"{self._capability}, expected {', '.join(known)}; install TensorRT, or use --backend torch"
            )


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
