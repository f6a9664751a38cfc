"""What the TensorRT backend does when GPU, driver or library fail, on stand-ins that fail when asked to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rimlight.backends import on_tensorrt
from rimlight.backends.on_tensorrt import TensorRtBackend
from rimlight.errors import BackendError
from rimlight.gpu import Driver

from ..fake_tensorrt import Fake
from ..standin.library import StandIn
from .stepping import SIZE, pictures, same, stepped

Opened = Callable[..., TensorRtBackend]


def driver_of(backend: TensorRtBackend) -> Driver:
    return backend._network.driver


@pytest.mark.parametrize("what", ["load", "context"])
def test_a_library_without_memory_says_what_to_do(what: str, fake: Fake, standin: StandIn) -> None:
    setattr(fake.faults, what, "Error Code 2: OutOfMemory (Requested size was 1073741824 bytes.)")
    with pytest.raises(BackendError, match=r"out of memory: TensorRT 10.*smaller --detail"):
        TensorRtBackend(SIZE, precision="f32")
    assert not standin.held


def test_a_library_that_does_not_start_repeats_its_words(fake: Fake, standin: StandIn) -> None:
    fake.faults.start = "CUDA initialization failure with error: 803"
    with pytest.raises(BackendError, match=r"TensorRT 10.* does not start: CUDA initialization failure.*: 803"):
        TensorRtBackend(SIZE, precision="f32")
    assert not standin.held


def test_a_gpu_without_memory_is_an_error_and_leaves_nothing_behind(fake: Fake, standin: StandIn) -> None:  # noqa: ARG001
    standin.state.memory_bytes = 300_000
    with pytest.raises(BackendError, match=r"out of memory: wanted .* MiB"):
        TensorRtBackend(SIZE, precision="f32")
    assert not standin.held


def test_a_call_that_the_library_refuses_repeats_its_words(fake: Fake, standin: StandIn) -> None:
    fake.faults.enqueue = "Error Code 1: Cuda Runtime (invalid resource handle)"
    with pytest.raises(BackendError, match=r"TensorRT 10.* failed on a 96x64 step: .*invalid resource handle"):
        TensorRtBackend(SIZE, precision="f32")
    assert not standin.held


def test_whatever_fails_in_a_step_the_next_one_from_the_same_memory_is_right(
    fake: Fake, opened: Opened, standin: StandIn  # noqa: ARG001
) -> None:  # fmt: skip
    images = pictures(4)
    backend, expected = opened(), stepped(opened(), images)
    memory = backend.empty_memory()
    for image in images[:3]:
        _, memory = backend.step(image, memory)
    failed = 0
    for call in range(1, 40):
        standin.state.calls, standin.state.fault_at, standin.state.fault_code = 0, call, 719
        try:
            found, _ = backend.step(images[3], memory)
        except BackendError:
            failed += 1
        standin.state.fault_at = 0
        found, _ = backend.step(images[3], memory)
        assert same(found, expected[3]), f"after a fault at call {call}"
    assert failed >= 4, "upload, launch, download and waiting at least"


def test_a_lost_gpu_fails_every_step_and_serves_again_once_opened_anew(fake: Fake, standin: StandIn) -> None:  # noqa: ARG001
    images = pictures(3)
    left = standin.state.retained  # by tests of devices that hang; a lost GPU is well again when nobody holds it
    standin.state.retained = 0
    backend = TensorRtBackend(SIZE, precision="f32")
    expected = stepped(backend, images)
    standin.state.calls, standin.state.fault_at, standin.state.fault_code = 0, 3, 700
    standin.state.fault_stays = 1
    for _ in range(3):
        with pytest.raises(BackendError, match="the GPU can do no more for it: open the backend again"):
            backend.step(images[0], backend.empty_memory())
    backend.close()
    standin.state.fault_stays = standin.state.fault_at = 0
    again = TensorRtBackend(SIZE, precision="f32")
    assert all(same(a, b) for a, b in zip(stepped(again, images), expected, strict=True))
    again.close()
    standin.state.retained += left


def test_a_gpu_that_does_not_finish_is_given_up_in_time(
    fake: Fake, opened: Opened, standin: StandIn, monkeypatch: pytest.MonkeyPatch  # noqa: ARG001
) -> None:  # fmt: skip
    backend = opened()
    monkeypatch.setattr(on_tensorrt, "PATIENCE_S", 0.05)
    standin.state.hang = 1
    with pytest.raises(BackendError, match=r"did not finish within 0\.05 s"):
        backend.step(pictures(1)[0], backend.empty_memory())
    standin.state.hang = 0


def test_a_result_of_an_older_call_is_never_given_out(
    fake: Fake, opened: Opened, monkeypatch: pytest.MonkeyPatch  # noqa: ARG001
) -> None:  # fmt: skip
    backend = opened()
    stepped(backend, pictures(3))
    monkeypatch.setattr(driver_of(backend), "launch_graph", lambda *_: None)
    with pytest.raises(BackendError, match="older result"):
        backend.step(pictures(1)[0], backend.empty_memory())
