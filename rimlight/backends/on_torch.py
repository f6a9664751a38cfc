"""PyTorch, on the processor or a GPU: the reference that every other backend is compared with.

On a GPU the same network is a few CUDA graphs over tensors that stay where they are: pictures go up and coefficients
come down through pinned memory, and the two frames of memory never leave the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.backends.base import Backend, Memory
from rimlight.backends.torch_precision import described, open_network, place_of, precision_of

import torch  # isort: skip - after the check that it is there

from rimlight.backends.torch_graphs import Maps, Queue, State, Turns, open_queue, step
from rimlight.model.network import MattingNetwork
from rimlight.signature import CallShape
from rimlight.types import FloatArray, Size


class TorchBackend(Backend):
    """State without graphs: keys and values (1, S, C, h/16, w/16) on the device; with them, the place that comes next.

    weights: a file of them, the shipped ones by default. network: with these; place: the device that it is on.
    precision: f32, or f16, the default on a GPU. graphs: whether steps are recorded, by default on a GPU.
    """

    name = "torch"

    def __init__(
        self, size: Size, batch: int = 1, device: str = "cpu", threads: int | None = None, weights: Path | None = None,
        precision: str | None = None, graphs: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(size, batch)
        self.place = place_of(device)
        if threads:
            torch.set_num_threads(threads)
        self.precision = precision_of(self.place, precision)
        self._queue = open_queue(self.place)
        self._what = f"a {size} step"
        self._calls: dict[int, _Recorded] = {}
        with self._queue.working("opening the network"):
            self.network = open_network(self.place, self.precision, weights)
            if graphs or (graphs is None and self.place.type == "cuda"):
                self._record()

    @property
    def device(self) -> str:
        return described(self.place, self.precision)

    def empty_memory(self) -> Memory:
        if self._calls:
            return Memory(0)
        state = State.of(self.network, 1, self.size)
        return Memory((state.keys, state.values))

    def _record(self) -> None:
        states = [State.of(self.network, 1, self.size) for _ in range(2)]
        for frames in {1, self.batch}:
            shape = CallShape(self.size, frames=frames)
            self._calls[frames] = _Recorded(self._queue, self.network, shape, states, self.RING)

    def _call(
        self, images: FloatArray, state: Any, own: Sequence[float]
    ) -> tuple[FloatArray, FloatArray, Any]:  # fmt: skip
        with self._queue.working(self._what):
            if self._calls:
                return *self._calls[len(images)](images, state, own), (state + 1) % self.RING
            batch = torch.from_numpy(np.ascontiguousarray(images))[None].to(self.place)
            out = self.network(batch, *state, torch.tensor([list(own)], device=self.place))
            return out.scale[0].cpu().numpy(), out.offset[0].cpu().numpy(), (out.keys, out.values)


class _Recorded:
    """Calls with a fixed number of frames; results go round a ring of pinned memory."""

    def __init__(
        self, queue: Queue, network: MattingNetwork, shape: CallShape, states: list[State], ring: int
    ) -> None:  # fmt: skip
        self._queue = queue
        self._maps = maps = Maps.of(shape, queue.place)
        self._images = queue.host(maps.images.shape, torch.float32)
        self._own = queue.host(maps.own.shape, torch.float32)
        self._found = [queue.host((2, *maps.scale.shape), torch.float32) for _ in range(ring)]
        self._turns = Turns(
            queue, 2, lambda _place, here, there: lambda: step(network, maps, states[here], states[there])
        )

    def __call__(self, images: FloatArray, place: int, own: Sequence[float]) -> tuple[FloatArray, FloatArray]:
        """Scale and offset (T, 4, h, w) in the room of that place."""
        maps, found = self._maps, self._found[place]
        self._images.numpy()[0] = images
        self._own.numpy()[0] = own
        maps.images.copy_(self._images, non_blocking=True)
        maps.own.copy_(self._own, non_blocking=True)
        self._turns.run(place % 2)
        found[0].copy_(maps.scale, non_blocking=True)
        found[1].copy_(maps.offset, non_blocking=True)
        self._queue.wait(self._queue.mark())
        scale, offset = found.numpy()[:, 0]
        return scale, offset
