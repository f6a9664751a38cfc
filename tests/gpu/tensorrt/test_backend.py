"""The TensorRT backend on stand-ins for driver and library: the bindings, graphs and copies are real, the GPU is not.

Letters: T frames, h, w internal size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rimlight.backends import installed, open_backend, tensorrt_network
from rimlight.backends.on_tensorrt import TensorRtBackend
from rimlight.compose import low_alpha
from rimlight.errors import BackendError, FrameError
from rimlight.export.clips import clip
from rimlight.gpu import Driver
from rimlight.signature import CallShape
from rimlight.types import Coefficients, FloatArray, Size

from ..fake_tensorrt import Fake
from ..standin.library import StandIn
from ..tensorrt_here import tensorrt_here
from .stepping import SIZE, copied, pictures, same, stepped

LARGER = Size(96, 160)
FRAMES = 52
MOST_ALPHA = {"f32": 1e-3, "f16": 5e-3}


Opened = Callable[..., TensorRtBackend]


def driver_of(backend: TensorRtBackend) -> Driver:
    return backend._network.driver


@lru_cache
def clip_and_reference() -> tuple[FloatArray, list[bool], list[Coefficients]]:
    """A clip with a cut in its middle, and what torch says of it."""
    import torch

    images, cuts = clip(FRAMES, LARGER)
    threads = torch.get_num_threads()
    try:
        return images, cuts, stepped(open_backend("torch", LARGER, threads=1), images, cuts)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_mattes_are_those_of_torch_over_many_recurrent_frames_and_a_cut(
    precision: str, each: Fake, opened: Opened
) -> None:
    if not installed("torch"):
        pytest.skip("the torch extra is not installed")
    images, cuts, reference = clip_and_reference()
    backend = opened(LARGER, precision=precision)
    for t, (found, wanted) in enumerate(zip(stepped(backend, images, cuts), reference, strict=True)):
        error = np.abs(low_alpha(found, images[t]) - low_alpha(wanted, images[t])).max()
        assert error < MOST_ALPHA[precision], f"frame {t}"
    assert backend.device == f"{backend._network.library} on Stand-in, {precision}"
    assert each.flavour.version in backend.device


def test_memory_goes_from_one_block_to_the_other_and_back(fake: Fake, opened: Opened) -> None:
    stepped(opened(), pictures(7))
    ran = fake.seen.bound[2:]  # after the call for nothing of either way
    assert len(ran) == 7
    for before, after in pairwise(ran):
        assert after["keys"] == before["next_keys"]
        assert after["values"] == before["next_values"]
    assert len({call["keys"] for call in ran}) == 2
    assert all(len(set(call.values())) == len(call) for call in ran), "one address as input and output"


def test_calls_are_recorded_once_and_then_only_launched(fake: Fake, opened: Opened, standin: StandIn) -> None:
    backend = opened()
    queued, launched = fake.seen.enqueued, standin.state.graph_launches
    stepped(backend, pictures(9))
    assert fake.seen.enqueued == queued == 4, "each way once for nothing and once recorded"
    assert standin.state.graph_launches == launched + 9


def test_a_step_is_one_copy_up_and_one_down_and_memory_never_leaves(
    fake: Fake, opened: Opened, standin: StandIn
) -> None:
    backend = opened()
    names = ("uploads", "upload_bytes", "downloads", "download_bytes")
    before = [getattr(standin.state, name) for name in names]
    stepped(backend, pictures(5))
    moved = [getattr(standin.state, name) - was for name, was in zip(names, before, strict=True)]
    call = backend._calls[1]
    assert moved == [5, 5 * call.sent.size_bytes, 5, 5 * call.made.size_bytes]
    traffic = driver_of(backend).traffic
    assert [getattr(traffic, name) for name in names] == moved
    shape = CallShape(SIZE)
    pixels = np.prod(shape.tensor("images")) * 4
    assert pixels < call.sent.size_bytes < pixels + np.prod(shape.tensor("keys")) * 4
    assert fake.seen.enqueued


def test_results_stay_when_a_memory_begins_anew(fake: Fake, opened: Opened) -> None:  # noqa: ARG001
    backend, images = opened(), pictures(TensorRtBackend.RING)
    first, _ = backend.step(images[0], backend.empty_memory())
    kept = copied(first)
    for image in images[1:]:
        backend.step(image, backend.empty_memory())
    assert same(first, kept)


@pytest.mark.parametrize("batch", [2, 3])
def test_a_clip_equals_its_steps_whatever_the_batch(batch: int, fake: Fake, opened: Opened) -> None:  # noqa: ARG001
    images, cuts = pictures(8), [t == 5 for t in range(8)]
    whole, _ = opened(batch=batch).clip(images, None, cuts)
    for found, wanted in zip(whole, stepped(opened(), images, cuts), strict=True):
        assert np.abs(found.scale - wanted.scale).max() < 2e-4
        assert np.abs(found.offset - wanted.offset).max() < 2e-4


def test_an_engine_is_built_once_for_all_backends(standin: StandIn, tmp_path: Path, opened: Opened) -> None:  # noqa: ARG001
    with tensorrt_here("rtx", tmp_path) as fake:
        first = stepped(opened(precision="f16"), pictures(3))
        files = sorted(path.suffix for path in (tmp_path / "rimlight" / "engines").iterdir())
        assert files == [".engine", ".kernels"]
        again = stepped(opened(precision="f16"), pictures(3))
        assert len(fake.seen.builds) == 1
        assert fake.seen.builds[0]["targets"] == {0: "SM89"}
    assert all(same(a, b) for a, b in zip(first, again, strict=True))


def test_a_quicker_build_is_another_engine(standin: StandIn, tmp_path: Path, opened: Opened) -> None:  # noqa: ARG001
    with tensorrt_here("8.6", tmp_path) as fake:
        opened()
        opened(level=1)
        assert [build["level"] for build in fake.seen.builds] == [3, 1]


@pytest.mark.parametrize("harm", ["cut", "other library", "other network"])
def test_an_engine_that_cannot_be_used_is_built_again_with_a_message(
    harm: str, standin: StandIn, tmp_path: Path, opened: Opened, caplog: pytest.LogCaptureFixture  # noqa: ARG001
) -> None:  # fmt: skip
    from rimlight.graph.engine_file import read_engine, write_engine

    with tensorrt_here("10", tmp_path) as fake:
        expected = stepped(opened(), pictures(3))
        opened(LARGER)
        here, other = sorted((tmp_path / "rimlight" / "engines").glob("*.engine"), key=_size_in_notes)
        file = read_engine(here)
        if harm == "cut":
            here.write_bytes(here.read_bytes()[:-100])
        elif harm == "other library":
            write_engine(here, file.notes, file.plan.replace(b"10.13.3.9", b"10.14.0.0"))
        else:
            write_engine(here, file.notes, read_engine(other).plan)
        found = stepped(opened(), pictures(3))
        assert len(fake.seen.builds) == 3
    assert all(same(a, b) for a, b in zip(found, expected, strict=True))
    said = {"cut": "cut short", "other library": "not compatible", "other network": "expected images of the engine"}
    assert said[harm] in caplog.text
    assert "it is built again" in caplog.text


def _size_in_notes(path: Path) -> int:
    from rimlight.graph.engine_file import read_notes

    return Size.parse(read_notes(path)["size"]).width


def test_a_library_that_builds_another_network_is_refused(
    standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch  # noqa: ARG001
) -> None:  # fmt: skip
    real = tensorrt_network._graph
    monkeypatch.setattr(tensorrt_network, "_graph", lambda _, *rest: real(LARGER, *rest))
    with tensorrt_here("10", tmp_path), pytest.raises(
        BackendError, match=r"cannot be used: expected images of the engine to be .*64, 96.* got .*96, 160"
    ):  # fmt: skip
        TensorRtBackend(SIZE, precision="f32")


def test_gpus_have_engines_of_their_own(standin: StandIn, tmp_path: Path, opened: Opened) -> None:
    with tensorrt_here("10", tmp_path) as fake:
        opened()
        standin.state.capability_minor = 6
        opened()
        standin.state.driver_version += 10
        opened()
        assert len(fake.seen.builds) == 3
    assert len(list((tmp_path / "rimlight" / "engines").glob("*.engine"))) == 3


def test_closing_gives_everything_back(fake: Fake, standin: StandIn) -> None:  # noqa: ARG001
    backend = TensorRtBackend(SIZE, 2, precision="f32")
    backend.clip(pictures(4))
    assert standin.held
    backend.close()
    assert not standin.held


def test_the_library_lets_go_before_the_driver_does(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = TensorRtBackend(SIZE, 2, precision="f32")
    driver, alive = driver_of(backend), []
    real = driver.close

    def close() -> None:
        alive.append(len(fake.alive))
        real()

    monkeypatch.setattr(driver, "close", close)
    assert len(fake.alive) == 4, "an engine for one frame, one for two, and what runs them"
    backend.close()
    backend.close()
    assert alive == [0, 0]


def test_devices_are_named_as_everywhere(fake: Fake, opened: Opened) -> None:  # noqa: ARG001
    for device in ("cuda", "cuda:0", "cpu"):
        assert "Stand-in" in opened(device=device, threads=3).device
    for device in ("gpu", "cuda:", "cuda:x", "cuda:1000", ""):
        with pytest.raises(BackendError, match=r"no device '.*'; use --device cuda"):
            opened(device=device)
    with pytest.raises(BackendError, match="there is no GPU of that number"):
        opened(device="cuda:3")


def test_sizes_and_precisions_that_there_are_not_are_refused(fake: Fake, standin: StandIn) -> None:  # noqa: ARG001
    with pytest.raises(FrameError, match="use 96x64"):
        TensorRtBackend(Size(60, 90))
    with pytest.raises(BackendError, match="expected precision f16 or f32, got 'int4'"):
        TensorRtBackend(SIZE, precision="int4")  # type: ignore[arg-type]
    assert not standin.held


def test_rtx_says_which_gpus_it_is_for(standin: StandIn, tmp_path: Path) -> None:
    standin.state.capability_major, standin.state.capability_minor = 9, 0
    with tensorrt_here("rtx", tmp_path), pytest.raises(
        BackendError, match=r"no engines for Stand-in: its compute capability is 9\.0, expected 7\.5, 8\.0.*--backend"
    ):  # fmt: skip
        TensorRtBackend(SIZE)
    assert not standin.held
