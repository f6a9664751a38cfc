"""An engine that was exported runs in place of one that is built here, or is refused with what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rimlight.backends.device_path import open_device_path
from rimlight.backends.on_tensorrt import TensorRtBackend
from rimlight.backends.streams import open_streams
from rimlight.errors import BackendError, FrameError, MissingExtraError, RimlightError, WeightsError
from rimlight.export.parity import compare
from rimlight.export.to_tensorrt import EngineForm, export_engine
from rimlight.graph.engine_file import read_engine, write_engine
from rimlight.graph.streams import Streams
from rimlight.types import Size

from ..fake_tensorrt import Fake
from ..standin.library import StandIn
from ..tensorrt_here import tensorrt_here
from .stepping import SIZE, pictures, same, stepped

Opened = Callable[..., TensorRtBackend]


def exported(folder: Path, form: EngineForm | None = None, kind: str = "tensorrt") -> Path:
    path = folder / "net.engine"
    export_engine(path, kind, form or EngineForm(SIZE), say=lambda _: None)  # type: ignore[arg-type]
    return path


def changed(path: Path, **notes: str) -> Path:
    file = read_engine(path)
    write_engine(path, {**file.notes, **{name.replace("__", "."): value for name, value in notes.items()}}, file.plan)
    return path


def test_an_exported_engine_runs_as_one_that_is_built_here(fake: Fake, opened: Opened, tmp_path: Path) -> None:
    path, images, cuts = exported(tmp_path), pictures(6), [t == 3 for t in range(6)]
    expected = stepped(opened(), images, cuts)
    builds = len(fake.seen.builds)
    backend = opened(engine=path)
    assert all(same(a, b) for a, b in zip(stepped(backend, images, cuts), expected, strict=True))
    assert len(fake.seen.builds) == builds, "nothing is built"
    assert backend.device.endswith("on Stand-in, f32")


def test_its_precision_is_its_own(fake: Fake, opened: Opened, tmp_path: Path) -> None:  # noqa: ARG001
    backend = opened(engine=exported(tmp_path, EngineForm(SIZE, precision="f16")))
    assert (backend.precision, backend.device.split()[-1]) == ("f16", "f16")


def test_frames_of_a_call_are_fixed(fake: Fake, opened: Opened, tmp_path: Path) -> None:  # noqa: ARG001
    path = exported(tmp_path, EngineForm(SIZE, frames=2))
    backend, images = opened(batch=2, engine=path), pictures(4)
    found, memory = backend.clip(images)
    wanted, _ = opened(batch=2).clip(images)
    assert all(same(a, b) for a, b in zip(found, wanted, strict=True))
    with pytest.raises(FrameError, match="takes 2 frames per call, got 1"):
        backend.step(images[0], memory)
    with pytest.raises(FrameError, match=r"net\.engine takes 2 frames per call, got 1; .*--batch 1"):
        opened(engine=path)


def test_a_range_of_streams_serves_one_and_many(fake: Fake, opened: Opened, tmp_path: Path) -> None:
    path = exported(tmp_path, EngineForm(SIZE, Streams(1, 2, 4)))
    builds, images = len(fake.seen.builds), pictures(3)
    expected = stepped(opened(engine=path), images)
    streams = open_streams("tensorrt", SIZE, 4, 4, engine=path)
    for t, image in enumerate(images):
        for one in streams.step(np.stack([image] * 3), [3, 0, 2], [t == 0] * 3):
            assert np.abs(one.scale - expected[t].scale).max() < 2e-4
    streams.close()
    with pytest.raises(FrameError, match=r"takes 1:2:4 streams per call, got 1:5:5; .*--streams 1:5:5"):
        open_streams("tensorrt", SIZE, 8, 5, engine=path)
    assert len(fake.seen.builds) == builds


def test_engines_for_several_streams_are_not_for_one(fake: Fake, tmp_path: Path) -> None:  # noqa: ARG001
    path = exported(tmp_path, EngineForm(SIZE, Streams.fixed(3)))
    with pytest.raises(FrameError, match=r"takes 3 streams per call, got 1; .*--streams 1"):
        TensorRtBackend(SIZE, engine=path)


def test_a_device_path_takes_it_too(fake: Fake, tmp_path: Path) -> None:
    path = exported(tmp_path)
    builds = len(fake.seen.builds)
    device = open_device_path("tensorrt", Size(90, 120), SIZE, device="cuda", engine=path)
    assert device is not None
    device.close()
    assert len(fake.seen.builds) == builds


@pytest.mark.parametrize(
    ("notes", "kind", "said"),
    [
        ({"library": "10.12.0"}, BackendError, r"built by TensorRT 10\.12\.0, and 10\.13\.3\.9 is installed; build it"),
        (
            {"targets": "8.6,12.0"},
            BackendError,
            r"for compute capability 8\.6, 12\.0, and Stand-in has 8\.9; .*--sm 89",
        ),
        ({"kind": "tensorrt-rtx"}, MissingExtraError, r"rimlight\[tensorrt-rtx\]"),
        ({"kind": "coreml"}, WeightsError, "does not say its library and size"),
        ({"rimlight__size": ""}, WeightsError, "does not say its library and size"),
        ({"rimlight__signature": "0"}, WeightsError, "version 0 of the network's signature"),
        ({"rimlight__size": "160x96"}, FrameError, r"is for 160x96, got 96x64; .*--size 96x64"),
        ({"rimlight__streams": "1:2:4"}, WeightsError, r"net\.engine: expected images of the engine.*build it again"),
    ],
)
def test_what_it_is_not_for_is_said(
    notes: dict[str, str], kind: type[RimlightError], said: str, fake: Fake, standin: StandIn, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=said) as refusal:
        TensorRtBackend(SIZE, engine=changed(exported(tmp_path), **notes))
    assert not standin.held
    assert not fake.alive, f"the library lets go before the driver does, not with the last trace of {refusal.value}"


def test_a_plan_that_the_library_refuses_repeats_its_words(fake: Fake, standin: StandIn, tmp_path: Path) -> None:
    path = exported(tmp_path)
    fake.faults.load = "The engine plan file is generated on an incompatible device"
    with pytest.raises(
        WeightsError, match=r"net\.engine: TensorRT 10.*incompatible device; build it again with rimlight"
    ):
        TensorRtBackend(SIZE, engine=path)
    assert not standin.held


def test_rtx_engines_name_their_gpus_and_keep_their_kernels(
    standin: StandIn, tmp_path: Path, opened: Opened  # noqa: ARG001
) -> None:  # fmt: skip
    with tensorrt_here("rtx", tmp_path):
        path = exported(tmp_path, EngineForm(SIZE, targets=("8.6", "8.9")), "tensorrt-rtx")
        stepped(opened(engine=path), pictures(2))
        assert [file.suffix for file in (tmp_path / "rimlight" / "engines").iterdir()] == [".kernels"]


def test_it_is_compared_as_any_other_file(fake: Fake, tmp_path: Path) -> None:  # noqa: ARG001
    found = compare(str(exported(tmp_path, EngineForm(SIZE, precision="f16"))), "onnx", 6)
    assert found.size == SIZE
    assert found.precision == "f16"
    assert found.passed
    assert found.sides[0].startswith("tensorrt: TensorRT 10")
