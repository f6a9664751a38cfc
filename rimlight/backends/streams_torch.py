"""Many streams with PyTorch: memory is two tensors on the device, from which a call gathers and to which it scatters.

On a GPU every number of streams that a call may have is a CUDA graph, so these numbers are few: powers of two.

Letters: B streams of a call, S = 2 slots, C channels, h, w internal size, and at 1/16 in keys and values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rimlight.backends.on_torch import TorchBackend
from rimlight.backends.streams import Grouped, powers_of_two
from rimlight.backends.torch_graphs import Maps, Queue, State, Work, exact_convolutions, open_queue
from rimlight.model.network import MattingNetwork
from rimlight.signature import CallShape
from rimlight.types import FloatArray, Size


class TorchStreams(Grouped):
    """keys and values (slots, S, C, h, w) on the device; precision and graphs as in TorchBackend."""

    name = "torch"

    def __init__(
        self, size: Size, slots: int, together: int = 4, device: str = "cpu", threads: int | None = None,
        precision: str | None = None, graphs: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(size, slots, together)
        self._backend = backend = TorchBackend(size, 1, device, threads, precision=precision, graphs=False)
        self._graphs = backend.place.type == "cuda" if graphs is None else graphs
        self._queue = open_queue(backend.place)
        self._calls: dict[int, _Call] = {}
        with self._queue.working(f"the memory of {slots} streams of {size}"):
            self._memory = State.of(backend.network, slots, size)

    @property
    def device(self) -> str:
        return self._backend.device

    @property
    def groups(self) -> tuple[int, ...]:
        return powers_of_two(self.together) if self._graphs else tuple(range(self.together, 0, -1))

    def _run(
        self, images: FloatArray, slots: Sequence[int], own: Sequence[float], scale: FloatArray, offset: FloatArray
    ) -> None:  # fmt: skip
        with self._queue.working(f"a {self.size} step of {len(slots)} streams"):
            call = self._calls.get(len(slots))
            if call is None:
                shape = CallShape(self.size, len(slots))
                call = self._calls[len(slots)] = _Call.of(self._queue, self._backend.network, self._memory, shape)
            call(images, slots, own)
            scale[:], offset[:] = call.found.numpy()[:, :, 0]


@dataclass(frozen=True, slots=True)
class _Call:
    """The network for a number of streams, with everything that goes up or comes down."""

    images: Tensor  # (B, 1, 3, h, w), and the others, on the host
    slots: Tensor  # (B,) int64
    own: Tensor  # (B, 1)
    found: Tensor  # (2, B, 1, 4, h, w), scale and offset
    recorded: Work

    @classmethod
    def of(cls, queue: Queue, network: MattingNetwork, memory: State, shape: CallShape) -> _Call:
        maps = Maps.of(shape, queue.place)
        where = torch.arange(shape.streams, device=queue.place)  # different ones, as the check at the border promises
        slots = queue.host((shape.streams,), torch.int64)
        images, own = (queue.host(one.shape, torch.float32) for one in (maps.images, maps.own))
        found = queue.host((2, *maps.scale.shape), torch.float32)

        def compute() -> None:
            before = memory.keys.index_select(0, where), memory.values.index_select(0, where)
            with exact_convolutions(queue.place):
                out = network(maps.images, *before, maps.own)
            memory.keys.index_copy_(0, where, out.keys)
            memory.values.index_copy_(0, where, out.values)
            maps.scale.copy_(out.scale)
            maps.offset.copy_(out.offset)

        kept = memory.keys.clone(), memory.values.clone()
        recorded = queue.record(compute)
        memory.keys.copy_(kept[0])  # recording may have done the work, with the slots of other streams
        memory.values.copy_(kept[1])

        def work() -> None:
            for there, here in ((maps.images, images), (maps.own, own), (where, slots)):
                there.copy_(here, non_blocking=True)
            recorded()
            found[0].copy_(maps.scale, non_blocking=True)
            found[1].copy_(maps.offset, non_blocking=True)
            queue.wait(queue.mark())

        return cls(images, slots, own, found, work)

    def __call__(self, images: FloatArray, slots: Sequence[int], own: Sequence[float]) -> None:
        """Fill found; images (B, 3, h, w)."""
        self.images.numpy()[:, 0] = images
        self.slots.numpy()[:] = np.array(slots)
        self.own.numpy()[:, 0] = own
        self.recorded()
