"""Many streams with TensorRT: one call of the engine for a group, whose memory stays on the GPU in a slot for each.

Letters: B streams of a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

from rimlight.backends.streams import Streams
from rimlight.backends.tensorrt_blocks import (
    ITEM_BYTES,
    MADE,
    MEMORY,
    NUMBER,
    NUMBER_BYTES,
    WHICH,
    Layout,
    has_number,
    write_number,
)  # fmt: skip
from rimlight.backends.tensorrt_network import PATIENCE_S, Precision, TensorRtNetwork
from rimlight.errors import BackendError
from rimlight.gpu.compile import compile_kernels
from rimlight.gpu.slots import Slots
from rimlight.graph.streams import Streams as Counts
from rimlight.signature import CallShape
from rimlight.types import Coefficients, FloatArray, Size

SENT = ("images", "own", NUMBER, WHICH)


class TensorRtStreams(Streams):
    """One engine for any number of streams up to `together`, tuned for all of them.

    Pictures, the rule of cuts and the slots' numbers go up in one copy, coefficients come down in one. engine: a file
    that `rimlight export` wrote for calls of 1 to `together` streams, instead of one that is built and kept here.
    """

    name = "tensorrt"

    def __init__(
        self, size: Size, slots: int, together: int = 4, device: str = "cuda", threads: int | None = None,  # noqa: ARG002 - no use here
        precision: Precision = "f16", level: int | None = None, engine: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(size, slots, together)
        self._network = TensorRtNetwork(size, device, precision, level, engine)
        self._number = self._place = self._taken = 0
        with self._network.opening():
            self._open()

    @property
    def device(self) -> str:
        return self._network.device

    @property
    def precision(self) -> str:
        """What really runs: f16 or f32, or int8 where an engine was given."""
        return self._network.precision

    def close(self) -> None:
        self._down.clear()
        self._network.close()

    def _open(self) -> None:
        network, driver = self._network, self._network.driver
        most = CallShape(self.size, streams=self.together)
        self._run = network.run(most, Counts(1, self.together, self.together))
        self._mover = Slots(driver, compile_kernels(driver), network.stream)
        self._memory_layout = Layout.of(CallShape(self.size, streams=self.slots), MEMORY)
        self._memory = network.block(self._memory_layout)
        self._batch_layout = Layout.of(most, MEMORY)
        self._item_bytes = {name: ITEM_BYTES * prod(most.tensor(name)[1:]) for name in MEMORY}
        self._before, self._after = (network.block(self._batch_layout) for _ in range(2))
        sent, made = Layout.of(most, SENT), Layout.of(most, MADE)
        self._sent, self._made = network.block(sent), network.block(made)
        self._up = driver.pinned(sent.size_bytes)
        self._down = [driver.pinned(made.size_bytes) for _ in range(self.RING)]
        self._take(self.together)
        network.settle(self._run)

    def _take(self, count: int) -> None:
        """Let the next calls be of that many streams: arrays of a smaller call lie closer together."""
        self._taken = 0  # until all of it is done: a call after one that failed here begins anew
        shape = CallShape(self.size, streams=count)
        self._sent_layout, self._made_layout = Layout.of(shape, SENT), Layout.of(shape, MADE)
        self._filled = self._sent_layout.arrays(self._up.array)
        self._run.take(count)
        self._run.bind(
            self._sent_layout.addresses(self._sent.address)
            | self._made_layout.addresses(self._made.address)
            | self._batch_layout.addresses(self._before.address)
            | self._batch_layout.addresses(self._after.address, "next_")
        )
        self._taken = count

    def _call(self, images: FloatArray, slots: Sequence[int], own: Sequence[float]) -> list[Coefficients]:
        driver, stream = self._network.driver, self._network.stream
        down, self._place = self._down[self._place], (self._place + 1) % self.RING
        self._number += 1
        with driver.current():
            if self._taken != len(images):
                self._take(len(images))
            self._fill(images, slots, own)
            driver.upload(self._sent, self._up, stream, self._sent_layout.size_bytes)
            self._queue()
            driver.download(down, self._made, stream, self._made_layout.size_bytes)
            driver.wait(stream, PATIENCE_S)
        found = self._made_layout.arrays(down.array)
        if not has_number(found, self._number):
            raise BackendError(f"TensorRT gave an older result on a {self.size} step; nothing of these frames is shown")
        return [
            Coefficients(scale[0], offset[0]) for scale, offset in zip(found["scale"], found["offset"], strict=True)
        ]

    def _fill(self, images: FloatArray, slots: Sequence[int], own: Sequence[float]) -> None:
        self._filled["images"][:, 0] = images
        self._filled["own"][:, 0] = own
        self._filled[WHICH].view(np.int32)[:] = slots
        write_number(self._filled, self._number)

    def _queue(self) -> None:
        """Memory from the slots into the batch, the engine, memory back, and the number along."""
        driver, stream, count = self._network.driver, self._network.stream, self._taken
        which = self._sent.address + self._sent_layout.offsets[WHICH]
        kept = self._memory_layout.addresses(self._memory.address)
        before = self._batch_layout.addresses(self._before.address)
        after = self._batch_layout.addresses(self._after.address)
        for name in MEMORY:
            self._mover.gather(kept[name], which, before[name], count, self._item_bytes[name])
        self._run.enqueue(stream)
        for name in MEMORY:
            self._mover.scatter(after[name], which, kept[name], count, self._item_bytes[name])
        driver.copy(
            self._made, self._sent, NUMBER_BYTES, stream, self._made_layout.offsets[NUMBER],
            self._sent_layout.offsets[NUMBER],
        )  # fmt: skip
