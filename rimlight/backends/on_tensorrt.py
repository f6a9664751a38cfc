"""TensorRT: the fastest backend on NVIDIA GPUs; the memory stays on the GPU.

Memory flips between two blocks of device memory. What a call does is recorded as two CUDA graphs, one for either way;
per call the pictures go up, a graph is launched and the coefficients come down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rimlight.backends.base import Backend, Memory
from rimlight.backends.tensorrt_blocks import MADE, MEMORY, NUMBER, NUMBER_BYTES, Layout, has_number, write_number
from rimlight.backends.tensorrt_engine import Run
from rimlight.backends.tensorrt_network import PATIENCE_S, Precision, TensorRtNetwork
from rimlight.errors import BackendError, FrameError
from rimlight.gpu.resources import Buffer, Graph, Pinned
from rimlight.signature import CallShape
from rimlight.types import FloatArray, Size

SENT = ("images", "own", NUMBER)


@dataclass(frozen=True, slots=True)
class _Call:
    """An engine at a fixed number of frames, recorded for either way that the memory flips.

    up, down: page-locked rooms, one for each place in the ring for what comes down; sent, made: on the device.
    """

    run: Run  # held: its scratch memory is in the graphs
    up: Pinned
    sent: Buffer
    made: Buffer
    down: list[Pinned]  # RING times
    filled: dict[str, FloatArray]  # views of up
    found: list[dict[str, FloatArray]]  # views of down
    graphs: list[Graph]  # from either block of memory to the other


class TensorRtBackend(Backend):
    """State: which of two blocks holds the memory that comes next.

    engine: a file that `rimlight export tensorrt` or `tensorrt-rtx` wrote for this size and batch, instead of one that
    is built and kept here; it takes whole batches only, and precision is its own.
    """

    name = "tensorrt"

    def __init__(
        self, size: Size, batch: int = 1, device: str = "cuda", threads: int | None = None,  # noqa: ARG002 - no use here
        precision: Precision = "f16", level: int | None = None, engine: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(size, batch)
        self._network = TensorRtNetwork(size, device, precision, level, engine)
        self._number = 0  # of the call; where its results go in the ring follows from it
        self._layout = Layout.of(self.shape, MEMORY)
        with self._network.opening():
            self._memory = [self._network.block(self._layout) for _ in range(2)]
            self._calls = {frames: self._open(frames) for frames in sorted({batch} if engine else {1, batch})}

    @property
    def device(self) -> str:
        return self._network.device

    @property
    def precision(self) -> str:
        """What really runs: f16 or f32, or int8 where an engine was given."""
        return self._network.precision

    def empty_memory(self) -> Memory:
        return Memory(0)

    def close(self) -> None:
        self._calls.clear()
        self._network.close()

    def _call(
        self, images: FloatArray, state: Any, own: Sequence[float]
    ) -> tuple[FloatArray, FloatArray, Any]:  # fmt: skip
        if len(images) not in self._calls:
            raise FrameError(f"the engine takes {self.batch} frames per call, got {len(images)}; give a multiple")
        call = self._calls[len(images)]
        driver, stream = self._network.driver, self._network.stream
        self._number += 1
        place = self._number % self.RING
        call.filled["images"][0] = images
        call.filled["own"][0] = own
        write_number(call.filled, self._number)
        with driver.current():
            driver.upload(call.sent, call.up, stream)
            driver.launch_graph(call.graphs[state], stream)
            driver.download(call.down[place], call.made, stream)
            driver.wait(stream, PATIENCE_S)
        found = call.found[place]
        if not has_number(found, self._number):
            raise BackendError(f"TensorRT gave an older result on a {self.size} step; nothing of this frame is shown")
        return found["scale"][0], found["offset"][0], 1 - state

    def _open(self, frames: int) -> _Call:
        shape = CallShape(self.size, frames=frames)
        network, driver = self._network, self._network.driver
        up, down = Layout.of(shape, SENT), Layout.of(shape, MADE)
        run = network.run(shape)
        room, rooms = driver.pinned(up.size_bytes), [driver.pinned(down.size_bytes) for _ in range(self.RING)]
        sent, made = network.block(up), network.block(down)
        graphs = [self._recorded(run, sent, made, up, down, here) for here in range(2)]
        found = [down.arrays(one.array) for one in rooms]
        return _Call(run, room, sent, made, rooms, up.arrays(room.array), found, graphs)

    def _recorded(self, run: Run, sent: Buffer, made: Buffer, up: Layout, down: Layout, here: int) -> Graph:
        """A call that reads one block of memory and writes the other, and takes its number along."""
        network, driver, stream = self._network, self._network.driver, self._network.stream
        before, after = self._memory[here].address, self._memory[1 - here].address
        run.bind(
            up.addresses(sent.address) | down.addresses(made.address)
            | self._layout.addresses(before) | self._layout.addresses(after, "next_")
        )  # fmt: skip
        network.settle(run)

        def work() -> None:
            run.enqueue(stream)
            driver.copy(made, sent, NUMBER_BYTES, stream, down.offsets[NUMBER], up.offsets[NUMBER])

        return driver.capture(stream, work)
