"""How every case of `rimlight bench gpu` is opened; what it needs is imported when it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from rimlight import assets
from rimlight.backends.torch_graphs import NetworkLoop, open_queue
from rimlight.backends.torch_path import TorchPath
from rimlight.backends.torch_precision import place_of
from rimlight.benchmarks.gpu.cases import OnPath, OnQueue, Timed
from rimlight.benchmarks.gpu.frames import FramesLoop
from rimlight.benchmarks.planes import planes_of
from rimlight.errors import SourceError
from rimlight.pixels import fill, read_picture
from rimlight.types import I420, Size

Opener = Callable[[], Timed]
TORCH, TENSORRT = "rimlight torch", "rimlight tensorrt"
PORTRAIT = "astronaut.jpg"


def networks(device: str, small: Size, streams: int, level: int | None) -> list[tuple[str, Opener]]:
    """Who has a network alone, and how it is opened; level: of an engine's build."""
    return [
        (TORCH, partial(_torch_network, device, small, streams)),
        (TENSORRT, partial(_tensorrt_network, device, small, streams, level)),
    ]


def frames(device: str, size: Size, small: Size, streams: int) -> list[tuple[str, Opener]]:
    """Who has whole frames on the device."""
    return [(TORCH, partial(_torch_frames, device, size, small, streams))]


def rvm(device: str, size: Size, streams: int, peers: Path | None) -> Timed:
    """RVM as a CUDA graph in half precision (float32 on a processor)."""
    from rimlight.benchmarks.gpu.rvm import RvmOnDevice
    from rimlight.benchmarks.peers import gather_peers

    present, absent = gather_peers(["rvm"], peers)
    if not present:
        raise SourceError(absent["rvm"])
    queue = open_queue(place_of(device))
    dtype = torch.float32 if queue.place.type == "cpu" else torch.float16
    what = f"RVM, {streams} streams of {size}"
    with queue.working(what):
        network = RvmOnDevice(present[0].prepare(), size, streams, queue.place, dtype)
        network.images.uniform_()
        call = queue.record(network.step)
    return OnQueue(queue, what, call)


def paths(device: str, size: Size, small: Size, level: int | None) -> list[tuple[str, Opener]]:
    """Who takes a frame from the host's memory and back."""
    return [
        (TORCH, partial(_torch_path, device, size, small)),
        (TENSORRT, partial(_tensorrt_path, device, size, small, level)),
    ]


def still(size: Size) -> I420:
    """A frame of that size: the shipped portrait."""
    portrait = assets.asset(PORTRAIT)
    return planes_of(fill(read_picture(portrait.path.read_bytes(), portrait.path.name), size))


def _torch_path(device: str, size: Size, small: Size) -> Timed:
    return OnPath(TorchPath(size, small, device=device), still(size))


def _tensorrt_path(device: str, size: Size, small: Size, level: int | None) -> Timed:
    from rimlight.backends.tensorrt_path import TensorRtPath

    return OnPath(TensorRtPath(size, small, device, level=level), still(size))


def _torch_frames(device: str, size: Size, small: Size, streams: int) -> Timed:
    loop = FramesLoop(still(size), small, streams, device)
    return OnQueue(loop.queue, loop.what, loop)


def _torch_network(device: str, small: Size, streams: int) -> Timed:
    loop = NetworkLoop(small, streams, device)
    with loop.queue.working("a picture"):
        loop.images.uniform_()
    return OnQueue(loop.queue, f"{streams} streams of {small}", loop)


def _tensorrt_network(device: str, small: Size, streams: int, level: int | None) -> Timed:
    from rimlight.benchmarks.gpu.tensorrt import EngineTimed

    return EngineTimed(small, streams, device, level)
