"""The device path of TensorRT on stand-ins: what crosses the bus, what is recorded, and which memory is read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from rimlight.backends.device_path import SceneBlur, open_device_path
from rimlight.backends.tensorrt_path import TensorRtPath
from rimlight.compose import EdgeOptions
from rimlight.errors import BackendError, FrameError
from rimlight.gpu.layout import room_bytes
from rimlight.types import Size, UInt8Array

from ..fake_tensorrt import Fake
from ..standin.library import StandIn

FULL, SMALL = Size(90, 161), Size(48, 80)
PLAIN = EdgeOptions()


@pytest.fixture
def path(fake: Fake) -> Iterator[TensorRtPath]:  # noqa: ARG001
    opened = open_device_path("tensorrt", FULL, SMALL, device="cuda", precision="f32")
    assert isinstance(opened, TensorRtPath)
    yield opened
    opened.close()


def frame(t: int) -> UInt8Array:
    return np.random.default_rng(t).integers(0, 256, (FULL.height, FULL.width, 3), np.uint8)


def painted(path: TensorRtPath, t: int, behind: SceneBlur | None = None) -> UInt8Array:
    out = np.zeros((FULL.height, FULL.width, 3), np.uint8)
    path.paint(path.matte(frame(t), t == 0), behind, PLAIN, out)
    return out


def test_a_frame_is_one_copy_of_uint8_up_and_one_down(path: TensorRtPath, standin: StandIn) -> None:
    names = ("uploads", "upload_bytes", "downloads", "download_bytes")
    before = [getattr(standin.state, name) for name in names]
    for t in range(6):
        painted(path, t, SceneBlur(0.5))
    moved = [getattr(standin.state, name) - was for name, was in zip(names, before, strict=True)]
    assert moved[0] == moved[2] == 6
    pixels = 3 * FULL.height * FULL.width
    assert 6 * pixels <= moved[1] <= 6 * (pixels + 256)
    assert moved[3] == 6 * room_bytes(FULL, "rgb")


def test_frames_launch_what_was_recorded_and_memory_flips(
    path: TensorRtPath, fake: Fake, standin: StandIn
) -> None:  # fmt: skip
    queued, ran, launched = fake.seen.enqueued, len(fake.seen.bound), standin.state.graph_launches
    for t in range(6):
        painted(path, t)
    assert fake.seen.enqueued == queued, "the network was queued instead of launched"
    assert standin.state.graph_launches == launched + 6
    calls = fake.seen.bound[ran:]
    assert len(calls) == 6
    assert all(after["keys"] == before["next_keys"] for before, after in pairwise(calls))
    assert len({call["scale"] for call in calls}) == path.RING
    assert all(len(set(call.values())) == len(call) for call in calls), "one address as input and output"


def test_a_network_that_did_not_run_is_noticed(path: TensorRtPath, monkeypatch: pytest.MonkeyPatch) -> None:
    for t in range(3):
        painted(path, t)
    monkeypatch.setattr(path._network.driver, "launch_graph", lambda *_: None)
    with pytest.raises(BackendError, match="nothing of this frame is shown"):
        painted(path, 3)


def test_after_any_fault_the_path_begins_anew(path: TensorRtPath, standin: StandIn) -> None:
    expected = painted(path, 0)
    failed = 0
    for call in range(1, 30, 2):
        painted(path, 5)
        standin.state.calls, standin.state.fault_at, standin.state.fault_code = 0, call, 719
        try:
            painted(path, 6)
        except BackendError:
            failed += 1
        standin.state.fault_at = 0
        assert np.array_equal(painted(path, 0), expected), f"after a fault at call {call}"
    assert failed > 5


def test_pictures_can_be_timed(path: TensorRtPath) -> None:
    out = np.zeros((FULL.height, FULL.width, 3), np.uint8)
    for t in range(3):
        assert all(took >= 0 for took in path.timed(frame(t), None, PLAIN, out))


def test_closing_gives_everything_back(path: TensorRtPath, standin: StandIn) -> None:
    painted(path, 0)
    path.close()
    assert set(standin.held) <= {"host_blocks"}, "page-locked rooms go with their last view"


def test_what_cannot_be_opened_leaves_nothing_behind(fake: Fake, standin: StandIn) -> None:
    with pytest.raises(FrameError, match="multiples of 16"):
        TensorRtPath(FULL, Size(50, 80))
    fake.faults.context = "Error Code 2: OutOfMemory"
    with pytest.raises(BackendError, match="out of memory"):
        TensorRtPath(FULL, SMALL, precision="f32")
    assert set(standin.held) <= {"host_blocks"}
