"""Recorded steps: memory goes to and fro between two places, and what is replayed says what the reference says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from rimlight.backends.streams import open_streams
from rimlight.compose import low_alpha
from rimlight.errors import BackendError
from rimlight.types import Coefficients, FloatArray, Size

if find_spec("torch") is None:
    pytest.skip("the torch extra is not installed", allow_module_level=True)

import torch

from rimlight.backends.on_torch import TorchBackend
from rimlight.backends.streams_torch import TorchStreams
from rimlight.backends.torch_graphs import NetworkLoop, Queue, Turns, open_queue
from rimlight.backends.torch_precision import fold, place_of
from rimlight.model.weights import load_network

SIZE = Size(64, 96)
CPU = torch.device("cpu")


def pictures(count: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).random((count, 3, SIZE.height, SIZE.width), np.float32)


def clip(backend: TorchBackend, images: FloatArray, cuts: list[bool]) -> list[Coefficients]:
    found, _ = backend.clip(images, None, cuts)
    return [Coefficients(one.scale.copy(), one.offset.copy()) for one in found]


class Recorder(Queue):
    """Records as a GPU does: warms up, keeps the work, and counts."""

    def __init__(self) -> None:
        super().__init__(CPU)
        self.recorded = 0

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        self.recorded += 1
        for _ in range(3):
            work()
        return work


def test_every_place_is_recorded_once_and_always_goes_the_same_way() -> None:
    queue, went = Recorder(), []
    turns = Turns(queue, 4, lambda place, here, there: lambda: went.append((place, here, there)))
    for frame in range(12):
        before = len(went)
        turns.run(frame % 4)
        assert set(went[before:]) == {(frame % 4, frame % 2, 1 - frame % 2)}
    assert queue.recorded == 4
    assert went[-4:] == [(0, 0, 1), (1, 1, 0), (2, 0, 1), (3, 1, 0)]


def test_warming_up_leaves_the_memory_that_is_read_alone() -> None:
    memory = [10, 0]

    def make(_place: int, here: int, there: int) -> Callable[[], None]:
        def work() -> None:
            memory[there] = memory[here] + 1

        return work

    turns = Turns(Recorder(), 2, make)
    for frame in range(5):
        turns.run(frame % 2)
        assert memory[1 - frame % 2] == 11 + frame


def test_an_odd_number_of_places_is_refused() -> None:
    with pytest.raises(BackendError, match="even number of places, got 3"):
        Turns(Queue(CPU), 3, lambda *_: lambda: None)


@pytest.mark.parametrize("batch", [1, 3])
def test_recorded_steps_are_the_reference_over_cuts_and_batches(batch: int) -> None:
    images, cuts = pictures(10), [t in (0, 6) for t in range(10)]
    expected = clip(TorchBackend(SIZE), images, cuts)
    found = clip(TorchBackend(SIZE, batch, graphs=True), images, cuts)
    for one, other in zip(found, expected, strict=True):
        assert np.allclose(one.scale, other.scale, atol=2e-4)
        assert np.allclose(one.offset, other.offset, atol=2e-4)


def test_recorded_results_outlive_the_next_calls() -> None:
    backend = TorchBackend(SIZE, graphs=True)
    memory, kept, copies = backend.empty_memory(), [], []
    for image in pictures(backend.RING):
        coefficients, memory = backend.step(image, memory)
        kept.append(coefficients)
        copies.append(coefficients.offset.copy())
    assert all(np.array_equal(one.offset, other) for one, other in zip(kept, copies, strict=True))


def test_recorded_streams_fare_as_if_alone() -> None:
    streams = open_streams("torch", SIZE, 4, 4, graphs=True)
    assert isinstance(streams, TorchStreams)
    assert streams.groups == (4, 2, 1)
    scenes = [pictures(5, seed) for seed in range(4)]
    expected = [clip(TorchBackend(SIZE), scene, [False] * 5) for scene in scenes]
    for t in range(5):
        slots = [(t + k) % 4 for k in range(3)] if t else [0, 1, 2, 3]
        for slot in set(range(4)) - set(slots):
            (alone,) = streams.step(scenes[slot][t][None], [slot], [False])
            assert np.allclose(alone.offset, expected[slot][t].offset, atol=2e-4)
        answers = streams.step(np.stack([scenes[slot][t] for slot in slots]), slots, [False] * len(slots))
        for slot, found in zip(slots, answers, strict=True):
            assert np.allclose(found.scale, expected[slot][t].scale, atol=2e-4)
            assert np.allclose(found.offset, expected[slot][t].offset, atol=2e-4)


def test_the_loop_for_benchmarks_is_the_network_with_its_memory() -> None:
    images = pictures(1)
    loop = NetworkLoop(SIZE, 2, "cpu")
    loop.images.copy_(torch.from_numpy(images))
    for _ in range(4):
        loop()
    (*_, last) = clip(TorchBackend(SIZE), np.repeat(images, 4, 0), [False] * 4)
    assert np.allclose(loop.offset[1].numpy(), last.offset, atol=2e-4)


def test_folding_changes_the_network_by_rounding_only() -> None:
    image = torch.from_numpy(pictures(1))[None]
    network, folded = load_network(), load_network()
    fold(folded)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    with torch.inference_mode():
        assert torch.allclose(network.clip(image).offset, folded.clip(image).offset, atol=1e-4)


def filmed(path: Path, size: Size, count: int) -> FloatArray:
    """(T, 3, h, w): the clip's first pictures, then others from its end, a cut between."""
    with av.open(str(path)) as container:
        whole = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    half = count // 2
    chosen = [*whole[:half], *whole[len(whole) - count + half :]]
    small = [cv2.resize(one, (size.width, size.height), interpolation=cv2.INTER_AREA) for one in chosen]
    return np.ascontiguousarray(np.stack(small).transpose(0, 3, 1, 2), np.float32) / np.float32(255)


@pytest.mark.parametrize("count", [16, pytest.param(50, marks=pytest.mark.slow)])
def test_in_float16_alpha_stays_within_a_level_over_many_frames_and_a_cut(shared: Path, count: int) -> None:
    size, few = Size(144, 256), count // 5
    images = filmed(shared / "clips" / "talking.mp4", size, count)
    cuts = [t in (0, count // 2) for t in range(count)]
    half = TorchBackend(size, precision="f16", graphs=True)
    assert "float16" in half.device
    expected, found = clip(TorchBackend(size, 10), images, cuts), clip(half, images, cuts)
    errors = [
        np.abs(low_alpha(one, image) - low_alpha(other, image))
        for one, other, image in zip(found, expected, images, strict=True)
    ]
    assert max(error.max() for error in errors) < 5e-3
    assert np.mean(errors) < 1e-4
    assert np.mean(errors[-few:]) < 2 * np.mean(errors[:few]) + 1e-5


@pytest.mark.parametrize(
    ("options", "says"),
    [({"precision": "int8"}, "f32 or f16, got 'int8'"), ({"device": "tpu"}, "cuda:N for the torch backend, got 'tpu'")],
)  # fmt: skip
def test_what_there_is_not_is_named(options: dict[str, str], says: str) -> None:
    with pytest.raises(BackendError, match=says):
        TorchBackend(SIZE, **options)  # type: ignore[arg-type]


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(BackendError, match="PyTorch sees 1 GPU"):
        place_of("cuda:3")
    assert place_of("cuda") == torch.device("cuda", 0)


def test_no_room_on_the_device_says_what_to_do() -> None:
    with (
        pytest.raises(BackendError, match=r"out of memory on cpu for a test: 2 GiB wanted\. Use a smaller --detail"),
        Queue(CPU).working("a test"),
    ):
        raise torch.cuda.OutOfMemoryError("2 GiB wanted.")


def test_a_graph_is_recorded_after_warming_up_on_a_stream_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a double of torch.cuda: the order of calls, since there may be no GPU here."""
    said: list[Any] = []

    class Stream:
        def __init__(self, place: torch.device) -> None:
            said.append(("stream", str(place)))

        def synchronize(self) -> None:
            said.append("settled")

    class Graph:
        def replay(self) -> None:
            said.append("replayed")

    @contextmanager
    def capturing(_graph: Graph, pool: str, stream: Stream, capture_error_mode: str) -> Iterator[None]:
        said.append(("capturing", pool, isinstance(stream, Stream), capture_error_mode))
        yield
        said.append("captured")

    doubles = {"Stream": Stream, "CUDAGraph": Graph, "graph": capturing, "graph_pool_handle": lambda: "pool"}
    doubles["stream"] = nullcontext
    for name, double in doubles.items():
        monkeypatch.setattr(torch.cuda, name, double)
    queue = open_queue(torch.device("cuda", 0))
    with queue.working("a test"):
        replay = queue.record(lambda: said.append("work"))
        replay()
    capture = ("capturing", "pool", True, "thread_local")
    assert said == [
        ("stream", "cuda:0"), "settled", *["work"] * 3, "settled", capture, "work", "captured", "replayed"
    ]  # fmt: skip
