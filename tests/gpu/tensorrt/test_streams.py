"""Many streams with TensorRT on stand-ins: one call of the engine for a group, memory that stays on the GPU."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from rimlight.backends import streams_tensorrt
from rimlight.backends.streams import open_streams
from rimlight.backends.streams_tensorrt import TensorRtStreams
from rimlight.errors import BackendError
from rimlight.types import Coefficients

from ..fake_tensorrt import Fake
from ..standin.library import StandIn
from .stepping import SIZE, copied, pictures

ROOM, TOGETHER = 6, 4


@pytest.fixture
def streams(fake: Fake) -> Iterator[TensorRtStreams]:  # noqa: ARG001
    opened = open_streams("tensorrt", SIZE, ROOM, TOGETHER, precision="f32")
    assert isinstance(opened, TensorRtStreams)
    yield opened
    opened.close()


def step(streams: TensorRtStreams, t: int, slots: list[int], cut: bool = False) -> list[Coefficients]:
    """The frame t of each of these streams, whose pictures are their slot's own."""
    images = np.stack([pictures(t + 1, seed=slot)[t] for slot in slots])
    return [copied(one) for one in streams.step(images, slots, [cut] * len(slots))]


def test_a_group_of_any_number_is_one_call_of_the_engine(streams: TensorRtStreams, fake: Fake) -> None:
    for count in (4, 1, 3, 2, 4):
        before = fake.seen.enqueued
        step(streams, 0, list(range(count)))
        assert fake.seen.enqueued == before + 1


def test_a_call_is_one_copy_up_and_one_down_whatever_is_in_the_slots(
    streams: TensorRtStreams, standin: StandIn
) -> None:
    per_stream = {}
    for count in (1, 4):
        before = (standin.state.uploads, standin.state.downloads, standin.state.download_bytes)
        step(streams, 0, list(range(count)))
        assert (standin.state.uploads, standin.state.downloads) == (before[0] + 1, before[1] + 1)
        per_stream[count] = (standin.state.download_bytes - before[2]) / count
    assert per_stream[4] <= per_stream[1], "a small group moves no more than its own"
    assert per_stream[1] < 2 * 4 * SIZE.height * SIZE.width * 4 + 1024


def test_a_call_reads_one_block_of_memory_and_writes_another(streams: TensorRtStreams, fake: Fake) -> None:
    for t in range(3):
        step(streams, t, [2, 5, 0])
    for call in fake.seen.bound:
        assert len(set(call.values())) == len(call), "one address as input and output"


def test_streams_fare_as_if_each_were_alone_in_groups_that_change(streams: TensorRtStreams) -> None:
    groups = [[0, 1, 2, 3], [3, 1], [2], [0, 5, 1, 3], [5, 2, 0]]
    seen = dict.fromkeys(range(ROOM), 0)
    found: dict[int, list[Coefficients]] = {slot: [] for slot in range(ROOM)}
    for group in groups:
        images = np.stack([pictures(seen[slot] + 1, seed=slot)[seen[slot]] for slot in group])
        for slot, one in zip(group, streams.step(images, group, [False] * len(group)), strict=True):
            found[slot].append(copied(one))
            seen[slot] += 1
    alone = open_streams("onnx", SIZE, ROOM, 1)
    for slot, answers in found.items():
        for t, answer in enumerate(answers):
            (wanted,) = alone.step(pictures(t + 1, seed=slot)[t][None], [slot], [False])
            assert np.abs(answer.scale - wanted.scale).max() < 2e-5
            assert np.abs(answer.offset - wanted.offset).max() < 2e-5
    alone.close()


def test_one_engine_serves_all_numbers_of_streams(fake: Fake, streams: TensorRtStreams) -> None:
    step(streams, 0, [0])
    step(streams, 0, [1, 2, 3])
    assert fake.seen.loads == 1
    assert streams.device.endswith("f32")


def test_after_any_fault_streams_begin_anew_and_the_others_go_on(streams: TensorRtStreams, standin: StandIn) -> None:
    for t in range(3):
        step(streams, t, [0, 1])
    (begun,) = step(streams, 0, [3], cut=True)
    failed = 0
    for call in range(1, 12):
        standin.state.calls, standin.state.fault_at, standin.state.fault_code = 0, call, 719
        try:
            step(streams, 5, [3, 4])
        except BackendError:
            failed += 1
        standin.state.fault_at = 0
        images = pictures(1, seed=3)
        (found,) = streams.step(images, [3], [False])
        if failed:
            assert np.array_equal(found.scale, begun.scale), f"after a fault at call {call}"
    assert failed > 5
    gone_on = step(streams, 3, [0, 1])
    alone = open_streams("onnx", SIZE, 2, 1)
    for t in range(4):
        (wanted,) = alone.step(pictures(t + 1, seed=0)[t][None], [0], [False])
    assert np.abs(gone_on[0].scale - wanted.scale).max() < 2e-5
    alone.close()


def test_a_result_of_an_older_call_is_never_given_out(
    streams: TensorRtStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    step(streams, 0, [0, 1])
    monkeypatch.setattr(streams, "_queue", lambda: None)
    with pytest.raises(BackendError, match="older result"):
        step(streams, 1, [0, 1])


def test_a_gpu_that_does_not_finish_is_given_up_in_time(
    streams: TensorRtStreams, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams_tensorrt, "PATIENCE_S", 0.05)
    standin.state.hang = 1
    with pytest.raises(BackendError, match=r"did not finish within 0\.05 s"):
        step(streams, 0, [0])
    standin.state.hang = 0


def test_a_gpu_without_memory_leaves_nothing_behind(fake: Fake, standin: StandIn) -> None:  # noqa: ARG001
    standin.state.memory_bytes = 1_000_000
    with pytest.raises(BackendError, match=r"out of memory: wanted .* MiB"):
        open_streams("tensorrt", SIZE, 64, TOGETHER, precision="f32")
    assert not standin.held


def test_a_group_of_another_size_that_failed_leaves_no_trace(
    streams: TensorRtStreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = step(streams, 0, [0, 1, 2, 3], cut=True)

    def refuses(_: object) -> None:
        raise BackendError("does not take the address of keys")

    with monkeypatch.context() as patch:
        patch.setattr(streams._run, "bind", refuses)
        with pytest.raises(BackendError, match="does not take the address"):
            step(streams, 0, [0, 1])
    for found, wanted in zip(step(streams, 0, [0, 1, 2, 3], cut=True), expected, strict=True):
        assert np.array_equal(found.scale, wanted.scale)
        assert np.array_equal(found.offset, wanted.offset)
