"""What every backend promises, one suite for all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from rimlight.backends import BACKENDS, Backend, installed, open_backend
from rimlight.errors import BackendError, FrameError
from rimlight.types import Coefficients, FloatArray, Size

SIZE = Size(64, 96)


@pytest.fixture(params=list(BACKENDS))
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "tensorrt":
        request.getfixturevalue("tensorrt")
    if not installed(request.param):
        pytest.skip(f"the {request.param} runtime is not installed")
    return str(request.param)


@pytest.fixture
def backend(name: str) -> Iterator[Backend]:
    opened = open_backend(name, SIZE)
    yield opened
    opened.close()


def frames(count: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).random((count, 3, SIZE.height, SIZE.width), np.float32)


def copied(coefficients: Coefficients) -> Coefficients:
    return Coefficients(coefficients.scale.copy(), coefficients.offset.copy())


def close(first: Coefficients, second: Coefficients, tolerance: float = 2e-4) -> bool:
    pairs = ((first.scale, second.scale), (first.offset, second.offset))
    return all(np.allclose(a, b, atol=tolerance) for a, b in pairs)


def stepped(backend: Backend, images: FloatArray) -> list[Coefficients]:
    memory = backend.empty_memory()
    found = []
    for image in images:
        coefficients, memory = backend.step(image, memory)
        found.append(copied(coefficients))
    return found


def test_a_step_has_coefficients_of_its_size(backend: Backend) -> None:
    (found,) = stepped(backend, frames(1))
    assert found.scale.shape == found.offset.shape == (4, SIZE.height, SIZE.width)
    assert found.scale.dtype == found.offset.dtype == np.float32
    assert np.isfinite(found.scale).all()
    assert np.isfinite(found.offset).all()


@pytest.mark.parametrize("batch", [1, 3])
def test_a_clip_equals_its_steps(name: str, batch: int) -> None:
    images = frames(8)
    single, whole = open_backend(name, SIZE), open_backend(name, SIZE, batch)
    expected = stepped(single, images)
    found, _ = whole.clip(images)
    assert len(found) == len(expected)
    assert all(close(a, b) for a, b in zip(found, expected, strict=True))


def test_memory_counts_and_is_recovered_at_the_third_frame(backend: Backend) -> None:
    first, second = frames(6), np.concatenate([frames(3, seed=9), frames(6)[3:]])
    mine, other = stepped(backend, first), stepped(backend, second)
    assert not close(mine[3], other[3], 1e-6)
    assert close(mine[5], other[5], 1e-6)


def test_memory_resets_on_a_cut_anywhere_in_a_clip(name: str) -> None:
    images = frames(7)
    backend = open_backend(name, SIZE, 4)
    cut = [t == 3 for t in range(7)]
    found, _ = backend.clip(images, None, cut)
    found = [copied(c) for c in found]
    after = stepped(open_backend(name, SIZE), images[3:])
    assert all(close(a, b) for a, b in zip(found[3:], after, strict=True))


def test_a_nan_frame_is_forgotten_at_the_next_cut(backend: Backend) -> None:
    if backend.name == "fake":
        pytest.skip("the fake's clipping hides NaN")
    good = frames(3)
    expected = stepped(backend, good)
    memory = backend.empty_memory()
    for _ in range(3):
        _, memory = backend.step(np.full_like(good[0], np.nan), memory)
    found, _ = backend.clip(good, memory, [True, False, False])
    assert all(close(a, b) for a, b in zip(found, expected, strict=True))


def test_coefficients_outlive_the_next_calls(backend: Backend) -> None:
    images = frames(Backend.RING)
    memory = backend.empty_memory()
    kept, copies = [], []
    for image in images:
        coefficients, memory = backend.step(image, memory)
        kept.append(coefficients)
        copies.append(copied(coefficients))
    assert all(np.array_equal(a.scale, b.scale) for a, b in zip(kept, copies, strict=True))


def test_the_same_frames_give_the_same_numbers(backend: Backend) -> None:
    images = frames(4)
    first, second = stepped(backend, images), stepped(backend, images)
    assert all(close(a, b, 0) for a, b in zip(first, second, strict=True))


def test_wrong_pictures_are_refused(backend: Backend) -> None:
    memory = backend.empty_memory()
    with pytest.raises(FrameError, match="expected float32"):
        backend.step(np.zeros((3, 32, 32), np.float32), memory)
    with pytest.raises(FrameError, match="got float64"):
        backend.step(np.zeros((3, SIZE.height, SIZE.width)), memory)  # type: ignore[arg-type]


def test_sizes_off_the_grid_are_refused(name: str) -> None:
    with pytest.raises(FrameError, match="use 96x64"):
        open_backend(name, Size(60, 90))


def test_an_absent_device_is_an_error_never_another_device(name: str) -> None:
    if name == "fake":
        pytest.skip("the fake has no device")
    with pytest.raises(BackendError, match="device"):
        open_backend(name, SIZE, device="cuda:7")


def test_the_device_says_what_runs(backend: Backend) -> None:
    assert backend.device


def test_unknown_backends_are_named() -> None:
    with pytest.raises(BackendError, match="there are auto"):
        open_backend("tpu", SIZE)
