"""How each runtime groups many streams: abreast on processors, as batches elsewhere, and what it does when it fails."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from rimlight.backends import installed, open_backend
from rimlight.backends.streams import Grouped, Streams, open_streams, powers_of_two
from rimlight.errors import BackendError
from rimlight.kernels import parallel
from rimlight.types import FloatArray, Size

SIZE = Size(64, 96)
FRAMES = 5


@pytest.fixture(params=["onnx", "openvino"])
def name(request: pytest.FixtureRequest) -> str:
    if not installed(request.param):
        pytest.skip(f"the {request.param} runtime is not installed")
    return str(request.param)


def opened(name: str, together: int = 4, **options: Any) -> Grouped:
    if name == "openvino":
        options.setdefault("precision", "f32")
    streams = open_streams(name, SIZE, 4, together, **options)
    assert isinstance(streams, Grouped)
    return streams


def pictures() -> FloatArray:
    """(T, B, 3, h, w) of four streams."""
    return np.random.default_rng(3).random((FRAMES, 4, 3, SIZE.height, SIZE.width), np.float32)


def largest_difference(streams: Streams, **options: Any) -> float:
    """Of four streams in one call from a backend of its own for each."""
    images, worst = pictures(), 0.0
    calls = [
        [(c.scale.copy(), c.offset.copy()) for c in streams.step(images[t], [2, 0, 3, 1], [False] * 4)]
        for t in range(FRAMES)
    ]  # fmt: skip
    if streams.name == "openvino":
        options.setdefault("precision", "f32")
    backend = open_backend(streams.name, SIZE, **options)
    for b in range(4):
        expected, _ = backend.clip(np.ascontiguousarray(images[:, b]), None)
        for t in range(FRAMES):
            scale, offset = calls[t][b]
            worst = max(worst, np.abs(scale - expected[t].scale).max(), np.abs(offset - expected[t].offset).max())
    streams.close()
    return worst


def calls_of_four(streams: Any) -> int:
    """How many calls of the runtime a group of four streams is."""
    return len(streams._requests[4] if streams.name == "openvino" else streams._groups[4].bindings)


def test_groups_are_no_larger_than_the_processors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for processors, groups in ((1, (1,)), (2, (2, 1)), (3, (2, 1)), (8, (4, 2, 1))):
        monkeypatch.setattr(parallel, "threads", lambda count=processors: count)
        streams = opened(name)
        assert streams.groups == groups
        streams.close()


def test_groups_are_no_larger_than_the_threads_asked_for(name: str) -> None:
    streams = opened(name, threads=1)
    assert streams.groups == (1,)
    assert largest_difference(streams, threads=1) < 1e-5


def test_four_abreast_equal_backends_of_their_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "threads", lambda: 4)
    streams = opened(name)
    assert streams.groups == (4, 2, 1)
    assert calls_of_four(streams) == 4
    assert largest_difference(streams) < 1e-5


def test_batches_equal_backends_of_their_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of other devices, on the processor."""
    kind = type(opened(name, threads=1))
    monkeypatch.setattr(kind, "on_cpu", False)
    streams = opened(name)
    assert streams.groups == (4, 2, 1)
    assert calls_of_four(streams) == 1
    assert largest_difference(streams) < 1e-5


def test_bfloat16_abreast_stays_where_bfloat16_alone_is() -> None:
    if not installed("openvino"):
        pytest.skip("the openvino extra is not installed")
    try:
        streams = opened("openvino", precision="bf16")
    except BackendError as error:
        pytest.skip(str(error))
    assert largest_difference(streams, precision="bf16") < 2e-4


def test_powers_of_two() -> None:
    assert powers_of_two(1) == (1,)
    assert powers_of_two(3) == (2, 1)
    assert powers_of_two(4) == (4, 2, 1)
    assert powers_of_two(7) == (4, 2, 1)


class Failing:
    """A request, session or network that runs out of memory."""

    def start_async(self) -> None:
        pass

    def wait(self) -> None:
        raise RuntimeError("out of memory")

    def run_with_iobinding(self, _: object) -> None:
        raise RuntimeError("out of memory")


def test_a_runtime_that_fails_is_a_backend_error_and_the_stream_begins_anew(name: str) -> None:
    streams: Any = opened(name)
    images = pictures()
    first = streams.step(images[0, :1], [0], [False])[0].scale.copy()
    streams.step(images[1, :1], [0], [False])
    if name == "openvino":
        good, streams._requests[1] = streams._requests[1], [Failing()]
    else:
        good = streams._groups[1]
        streams._groups[1] = dataclasses.replace(good, session=Failing())
    with pytest.raises(BackendError, match=r"failed on a 96x64 step of 1 streams: out of memory"):
        streams.step(images[2, :1], [0], [False])
    if name == "openvino":
        streams._requests[1] = good
    else:
        streams._groups[1] = good
    again = streams.step(images[0, :1], [0], [False])[0].scale
    assert np.abs(again - first).max() < 1e-6
    streams.close()


def test_torch_that_fails_is_a_backend_error() -> None:
    if not installed("torch"):
        pytest.skip("the torch extra is not installed")
    streams: Any = open_streams("torch", SIZE, 4)
    keys = streams._memory.keys[:, :, :3]  # not the channels that the network wants
    streams._memory = dataclasses.replace(streams._memory, keys=keys)
    with pytest.raises(BackendError, match="PyTorch failed on a 96x64 step of 2 streams"):
        streams.step(pictures()[0, :2], [0, 1], [False, False])
