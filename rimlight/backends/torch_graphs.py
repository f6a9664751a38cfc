"""Work for a device that is recorded once and then replayed: CUDA graphs, or plain calls on the processor.

A graph has its addresses baked in. So everything lies in tensors that stay where they are, memory in two places, and
every step is recorded once for each direction, from the one to the other and back.

Letters: B streams, T frames, S = 2 slots, C channels, h, w internal size, and at 1/16 in keys and values.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from rimlight.backends.torch_precision import memory_type, open_network, place_of, precision_of
from rimlight.errors import BackendError
from rimlight.model.network import MattingNetwork
from rimlight.signature import CallShape
from rimlight.types import Size

Work: TypeAlias = Callable[[], None]
WARM_UPS = 3  # cuDNN tries its algorithms in the first call; nothing may be tried while a graph is recorded


class Queue:
    """The processor as a device: work is done at once, and recording it is keeping it."""

    def __init__(self, place: torch.device) -> None:
        self.place = place

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Around everything that is done with tensors; a failure of PyTorch becomes a BackendError that names what."""
        try:
            with torch.inference_mode(), self._here():
                yield
        except torch.cuda.OutOfMemoryError as error:
            raise BackendError(
                f"out of memory on {self.place} for {what}: {str(error).splitlines()[0]} "
                "Use a smaller --detail or fewer streams"
            ) from error
        except RuntimeError as error:
            raise BackendError(f"PyTorch failed on {what}: {error}") from error

    def record(self, work: Work) -> Work:
        """What does the same as work, with the same tensors; work may be done for this, any number of times."""
        return work

    def host(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Memory of the host for what goes up or comes down."""
        return torch.zeros(*shape, dtype=dtype)

    def mark(self) -> Any:
        """An event that is passed when all work before it is done."""
        return time.perf_counter()

    def wait(self, mark: Any) -> None:
        """Until that event is passed; None is passed."""

    def elapsed_ms(self, begin: Any, end: Any) -> float:
        """Milliseconds between two events that are passed."""
        return float(end - begin) * 1000

    def _here(self) -> AbstractContextManager[Any]:
        return nullcontext()


class CudaQueue(Queue):
    """A stream of a GPU, in the order of calls; replayed graphs share one pool of memory, since they never overlap."""

    def __init__(self, place: torch.device) -> None:
        super().__init__(place)
        self._stream = torch.cuda.Stream(place)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def record(self, work: Work) -> Work:
        self._stream.synchronize()
        for _ in range(WARM_UPS):
            work()
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            work()
        return graph.replay

    def host(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        return torch.zeros(*shape, dtype=dtype, pin_memory=True)

    def mark(self) -> Any:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(self._stream)
        return event

    def wait(self, mark: Any) -> None:
        if mark is not None:
            mark.synchronize()

    def elapsed_ms(self, begin: Any, end: Any) -> float:
        self.wait(end)
        return float(begin.elapsed_time(end))

    def _here(self) -> AbstractContextManager[Any]:
        return torch.cuda.stream(self._stream)


def open_queue(place: torch.device) -> Queue:
    """The queue of a device."""
    return CudaQueue(place) if place.type == "cuda" else Queue(place)


@dataclass(frozen=True, slots=True)
class Maps:
    """What one call reads and writes besides memory, all float32."""

    images: Tensor  # (B, T, 3, h, w)
    own: Tensor  # (B, T)
    scale: Tensor  # (B, T, 4, h, w)
    offset: Tensor  # (B, T, 4, h, w)

    @classmethod
    def of(cls, shape: CallShape, place: torch.device) -> Maps:
        names = ("images", "own", "scale", "offset")
        with torch.inference_mode(False):  # so that whoever holds them may write to them anywhere
            return cls(*(torch.zeros(shape.tensor(name), device=place) for name in names))


@dataclass(frozen=True, slots=True)
class State:
    """Keys and values of the two frames before."""

    keys: Tensor  # (B, S, C, h, w)
    values: Tensor  # (B, S, C, h, w)

    @classmethod
    def of(cls, network: MattingNetwork, streams: int, size: Size) -> State:
        maps = network.empty_memory(streams, size.height, size.width)
        return cls(*(one.to(memory_type(network)) for one in maps))


def step(network: MattingNetwork, maps: Maps, before: State, after: State) -> None:
    """One call of the network, with its results where they belong; nothing of it leaves the device."""
    with exact_convolutions(maps.images.device):
        out = network(maps.images, before.keys, before.values, maps.own)
    maps.scale.copy_(out.scale)
    maps.offset.copy_(out.offset)
    after.keys.copy_(out.keys)
    after.values.copy_(out.values)


def exact_convolutions(place: torch.device) -> AbstractContextManager[Any]:
    """Float32 in convolutions that is float32, not the 10 bits of TensorFloat-32, by the quickest algorithm."""
    if place.type != "cuda":
        return nullcontext()
    flags: AbstractContextManager[Any] = torch.backends.cudnn.flags(
        enabled=True, benchmark=True, deterministic=False, allow_tf32=False
    )
    return flags


class Turns:
    """A step for each of a few places in turn, recorded when its place comes first.

    make(place, here, there): the work of a place, which reads memory `here` (0 or 1) and writes `there`. The number of
    places is even, so that a place always goes the same way.
    """

    def __init__(self, queue: Queue, places: int, make: Callable[[int, int, int], Work]) -> None:
        if places % 2:
            raise BackendError(f"expected an even number of places, got {places}: memory goes to and fro between two")
        self._queue, self._make = queue, make
        self._recorded: list[Work | None] = [None] * places

    def run(self, place: int) -> None:
        """Do the step of a place; the one before must have been of the place before, or memory is not to be read."""
        work = self._recorded[place]
        if work is None:
            work = self._recorded[place] = self._queue.record(self._make(place, place % 2, 1 - place % 2))
        work()


class NetworkLoop:
    """The network alone for B streams, over and over on the device; for benchmarks.

    images (B, 3, h, w) is what a call looks at, scale and offset (B, 4, h, w) what it says; all stay on the device.
    """

    def __init__(
        self, size: Size, streams: int, device: str = "cuda", precision: str | None = None, weights: Path | None = None
    ) -> None:  # fmt: skip
        place = place_of(device)
        self.queue = open_queue(place)
        self._what = f"{streams} streams of {size}"
        with self.queue.working(self._what):
            network = open_network(place, precision_of(place, precision), weights)
            maps = Maps.of(CallShape(size, streams), place)
            states = [State.of(network, streams, size) for _ in range(2)]
        self.images, self.scale, self.offset = maps.images[:, 0], maps.scale[:, 0], maps.offset[:, 0]
        self._turns = Turns(
            self.queue, 2, lambda _place, here, there: lambda: step(network, maps, states[here], states[there])
        )
        self._place = 0

    def __call__(self) -> None:
        """One step of every stream, queued; memory counts from the first."""
        with self.queue.working(self._what):
            self._turns.run(self._place)
        self._place = 1 - self._place
