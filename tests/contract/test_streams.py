"""What many streams in one call promise, one suite for all runtimes: each stream fares as if it were alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest

from rimlight.backends import BACKENDS, Backend, installed, open_backend
from rimlight.backends.streams import OneByOne, Streams, open_streams
from rimlight.errors import BackendError, FrameError
from rimlight.types import Coefficients, FloatArray, Size

SIZE = Size(64, 96)
ROOM, TOGETHER = 5, 4
FRAMES = 12
GENERIC = "onnx, one by one"  # the way of a backend that has no streams of its own
# What a call's other pictures may change: torch rounds a batch differently. The others give the same bits on the
# processors that were measured, bfloat16 too; on others they may round differently, in float32 no more than this.
TOLERANCE = {"torch": 2e-5}
USUAL_TOLERANCE = 1e-5


@pytest.fixture(params=[*BACKENDS, GENERIC])
def kind(request: pytest.FixtureRequest) -> str:
    name = "onnx" if request.param == GENERIC else request.param
    if name == "tensorrt":
        request.getfixturevalue("tensorrt")
    if not installed(name):
        pytest.skip(f"the {name} runtime is not installed")
    return str(request.param)


@pytest.fixture
def opened(kind: str) -> Iterator[Callable[..., Streams]]:
    """Opens streams; closes them all at the end."""
    found: list[Streams] = []

    def opens(slots: int = ROOM, together: int = TOGETHER, size: Size = SIZE, **options: Any) -> Streams:
        make = partial(OneByOne, "onnx") if kind == GENERIC else partial(open_streams, kind)
        found.append(make(size, slots, together, **options))
        return found[-1]

    yield opens
    for streams in found:
        streams.close()


@pytest.fixture
def streams(opened: Callable[..., Streams]) -> Streams:
    return opened()


def scene(stream: int, count: int = FRAMES) -> FloatArray:
    """(T, 3, h, w) of a stream unlike every other: noise over a brightness and a ramp of its own."""
    noise = np.random.default_rng(stream).random((count, 3, SIZE.height, SIZE.width), np.float32)
    ramp = np.linspace(0, 1, SIZE.width, dtype=np.float32) ** (stream + 1)
    return np.clip(0.3 * noise + 0.2 * stream * ramp, 0, 1).astype(np.float32)


def copied(coefficients: Coefficients) -> Coefficients:
    return Coefficients(coefficients.scale.copy(), coefficients.offset.copy())


def difference(first: Coefficients, second: Coefficients) -> float:
    pairs = ((first.scale, second.scale), (first.offset, second.offset))
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def same(streams: Streams, first: Coefficients, second: Coefficients) -> bool:
    return difference(first, second) <= TOLERANCE.get(streams.name, USUAL_TOLERANCE)


@lru_cache
def reference(name: str) -> Backend:
    return open_backend(name, SIZE)


def alone(streams: Streams, images: FloatArray, cuts: list[bool] | None = None) -> list[Coefficients]:
    """What a backend of its own says of a stream."""
    found, _ = reference(streams.name).clip(images, None, cuts)
    return [copied(c) for c in found]


def played(streams: Streams, slot: int, images: FloatArray) -> list[Coefficients]:
    return [copied(streams.step(image[None], [slot], [False])[0]) for image in images]


def test_streams_in_any_groups_and_order_equal_backends_of_their_own(streams: Streams) -> None:
    rng = np.random.default_rng(1)
    scenes = [scene(stream) for stream in range(ROOM)]
    cuts = [[bool(rng.random() < 0.15) for _ in range(FRAMES)] for _ in range(ROOM)]
    done = [0] * ROOM
    found: list[list[Coefficients]] = [[] for _ in range(ROOM)]
    counts = set()
    while left := [stream for stream in range(ROOM) if done[stream] < FRAMES]:
        group = [int(s) for s in rng.permutation(left)[: rng.integers(1, TOGETHER + 1)]]
        counts.add(len(group))
        images = np.stack([scenes[s][done[s]] for s in group])
        answers = streams.step(images, group, [cuts[s][done[s]] for s in group])
        for s, coefficients in zip(group, answers, strict=True):
            found[s].append(copied(coefficients))
            done[s] += 1
    assert counts == {1, 2, 3, 4}
    for s in range(ROOM):
        expected = alone(streams, scenes[s], cuts[s])
        assert all(same(streams, a, b) for a, b in zip(found[s], expected, strict=True)), f"stream {s}"


@pytest.mark.parametrize("content", [0.0, 1.0, np.nan])
def test_what_others_show_changes_no_bit_of_a_stream(opened: Callable[..., Streams], content: float) -> None:
    """The same groups twice; only the neighbours' pictures differ."""
    mine = scene(2)
    found = []
    for neighbours in (scene(3), np.full_like(mine, content)):
        streams = opened()
        steps = [
            streams.step(np.stack([neighbours[t], mine[t], neighbours[t]]), [t % 2, 4, 2 + t % 2], [False] * 3)
            for t in range(4)
        ]  # fmt: skip
        found.append([copied(answers[1]) for answers in steps])
    assert all(difference(a, b) == 0 for a, b in zip(*found, strict=True))


def test_memory_stays_with_its_slot(streams: Streams) -> None:
    """Frame 3 depends on what the slot saw, not on what came last."""
    first, second = scene(1), scene(4)
    for t in range(3):
        streams.step(np.stack([first[t], second[t]]), [0, 1], [False, False])
    swapped = streams.step(np.stack([second[3], first[3]]), [1, 0], [False, False])
    assert same(streams, swapped[1], alone(streams, first)[3])
    assert same(streams, swapped[0], alone(streams, second)[3])
    assert not same(streams, swapped[1], alone(streams, first[3:])[0])


def test_a_cut_is_of_its_stream_alone(streams: Streams) -> None:
    mine, other = scene(1), scene(3)
    found = []
    for t in range(8):
        answers = streams.step(np.stack([mine[t], other[t]]), [3, 0], [t == 4, False])
        found.append([copied(c) for c in answers])
    after, whole = alone(streams, mine[4:8]), alone(streams, other[:8])
    assert all(same(streams, found[4 + t][0], after[t]) for t in range(4))
    assert all(same(streams, found[t][1], whole[t]) for t in range(8))


def test_a_forgotten_slot_begins_anew_and_others_go_on(streams: Streams) -> None:
    gone, kept, new = scene(1), scene(2), scene(3)
    for t in range(3):
        streams.step(np.stack([gone[t], kept[t]]), [0, 1], [False, False])
    streams.forget(0)
    begun, gone_on = alone(streams, new[:3]), alone(streams, kept[:6])
    for t in range(3):
        answers = streams.step(np.stack([new[t], kept[3 + t]]), [0, 1], [False, False])
        assert same(streams, answers[0], begun[t])
        assert same(streams, answers[1], gone_on[3 + t])


def test_nan_is_forgotten_with_the_slot(streams: Streams) -> None:
    if streams.name == "fake":
        pytest.skip("the fake's clipping hides NaN")
    played(streams, 0, np.full_like(scene(0, 3), np.nan))
    streams.forget(0)
    found = played(streams, 0, scene(1, 4))
    assert all(same(streams, a, b) for a, b in zip(found, alone(streams, scene(1, 4)), strict=True))


@pytest.mark.parametrize("count", [1, 3, 4])
def test_coefficients_outlive_the_next_calls(streams: Streams, count: int) -> None:
    kept, copies = [], []
    for t in range(Streams.RING):
        slots = [(t + b) % ROOM for b in range(count)]
        answers = streams.step(np.stack([scene(s)[t] for s in slots]), slots, [False] * count)
        kept += answers
        copies += [copied(c) for c in answers]
    assert all(difference(a, b) == 0 for a, b in zip(kept, copies, strict=True))


def test_streams_of_a_call_that_failed_begin_anew(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    images = scene(2)
    played(streams, 0, images[:3])
    played(streams, 1, images[:3])

    def broken(*_: object) -> list[Coefficients]:
        raise BackendError("no memory left")

    with monkeypatch.context() as patch:
        patch.setattr(streams, "_call", broken)
        with pytest.raises(BackendError, match="no memory left"):
            streams.step(images[3:4], [0], [False])
    found = streams.step(np.stack([images[4], images[3]]), [0, 1], [False, False])
    assert same(streams, found[0], alone(streams, images[4:5])[0])
    assert same(streams, found[1], alone(streams, images[:4])[3])


def test_coefficients_have_the_size_and_type_of_the_network(streams: Streams) -> None:
    for coefficients in streams.step(scene(0)[:3], [4, 0, 2], [True] * 3):
        for part in (coefficients.scale, coefficients.offset):
            assert part.shape == (4, SIZE.height, SIZE.width)
            assert part.dtype == np.float32
            assert np.isfinite(part).all()


def test_no_call_takes_more_streams_than_there_are_slots(opened: Callable[..., Streams]) -> None:
    assert opened(slots=2, together=4).together == 2
    assert opened(slots=9, together=3).together == 3


@pytest.mark.parametrize(
    ("slots", "cuts", "message"),
    [
        ([0, 5], [False] * 2, "expected a slot of 0 to 4, got 5"),
        ([0, -1], [False] * 2, "expected a slot of 0 to 4, got -1"),
        ([3, 3], [False] * 2, r"expected different slots, got \[3, 3\]"),
        ([1], [False] * 2, "for 2 pictures, got 1 and 2"),
        ([1, 2], [False] * 3, "for 2 pictures, got 2 and 3"),
    ],
)  # fmt: skip
def test_wrong_slots_are_refused(streams: Streams, slots: list[int], cuts: list[bool], message: str) -> None:
    with pytest.raises(FrameError, match=message):
        streams.step(scene(0)[:2], slots, cuts)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((1, 3, 32, 32), np.float32), "expected float32 pictures"),
        (np.zeros((3, 64, 96), np.float32), "expected float32 pictures"),
        (np.zeros((1, 3, 64, 96)), "got float64"),
        (np.zeros((0, 3, 64, 96), np.float32), "expected 1 to 4 pictures in a call, got 0"),
        (np.zeros((5, 3, 64, 96), np.float32), "got 5; make several calls"),
    ],
)  # fmt: skip
def test_wrong_pictures_are_refused(streams: Streams, images: FloatArray, message: str) -> None:
    with pytest.raises(FrameError, match=message):
        streams.step(images, list(range(len(images))), [False] * len(images))


def test_refused_calls_leave_memory_alone(streams: Streams) -> None:
    images = scene(1)
    played(streams, 0, images[:3])
    with pytest.raises(FrameError):
        streams.step(images[:2], [0, 0], [True, True])
    assert same(streams, played(streams, 0, images[3:4])[0], alone(streams, images)[3])


def test_unknown_slots_cannot_be_forgotten(streams: Streams) -> None:
    with pytest.raises(FrameError, match="expected a slot of 0 to 4, got 5"):
        streams.forget(ROOM)


def test_sizes_off_the_grid_and_no_slots_are_refused(opened: Callable[..., Streams]) -> None:
    with pytest.raises(FrameError, match="use 96x64"):
        opened(size=Size(60, 90))
    with pytest.raises(FrameError, match="at least 1 slot"):
        opened(slots=0)
    with pytest.raises(FrameError, match="at least 1 slot"):
        opened(together=0)


def test_an_absent_device_is_an_error_never_another_device(opened: Callable[..., Streams], kind: str) -> None:
    if kind == "fake":
        pytest.skip("the fake has no device")
    with pytest.raises(BackendError, match="device"):
        opened(device="cuda:7")


def test_the_device_is_that_of_the_backend(streams: Streams) -> None:
    assert streams.device == reference(streams.name).device


def test_unknown_backends_are_named() -> None:
    with pytest.raises(BackendError, match="there are auto"):
        open_streams("tpu", SIZE, ROOM)


def test_auto_takes_what_a_backend_takes() -> None:
    streams, backend = open_streams("auto", SIZE, 1), open_backend("auto", SIZE)
    assert streams.name == backend.name
    streams.close()
    backend.close()
