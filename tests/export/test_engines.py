"""Engines are built by TensorRT-RTX's own parser and builder, for GPUs that are not here, and say what they are."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from rimlight.backends import tensorrt_compat
from rimlight.backends.tensorrt_build import BuildOrder, build
from rimlight.backends.tensorrt_compat import Library, library
from rimlight.errors import BackendError
from rimlight.export.to_tensorrt import EngineForm, export_engine
from rimlight.export_commands import capabilities
from rimlight.graph.engine_file import read_engine
from rimlight.graph.fixed import Precision, engine_graph
from rimlight.graph.metadata import parsed
from rimlight.graph.streams import Streams

from ..commandline import Runs, files, refused, runner
from ..conftest import need
from .conftest import SMALL

TARGETS = ("8.6", "8.9", "12.0")
MANY = Streams(1, 2, 4)
RTX = ("export", "tensorrt-rtx", "--size", "160x96")


@pytest.fixture(scope="session")
def rtx() -> Library:
    need("tensorrt-rtx", find_spec("tensorrt_rtx") is not None, "the tensorrt-rtx extra is not installed")
    return library("tensorrt-rtx")


@pytest.fixture
def rimlight(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Runs:
    return runner(monkeypatch, capfd, tmp_path)


@pytest.fixture(scope="session")
def graphs() -> dict[tuple[Precision, Streams], bytes]:
    forms: list[Precision] = ["f32", "f16"]
    return {(form, streams): engine_graph(SMALL, streams, form) for form in forms for streams in (Streams(), MANY)}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("streams", [Streams(), MANY], ids=str)
@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_every_form_builds_for_every_target(
    rtx: Library, graphs: dict[tuple[Precision, Streams], bytes], precision: Precision, streams: Streams, target: str
) -> None:
    plan = build(rtx, graphs[precision, streams], BuildOrder(streams, (target,)), say=lambda _: None)
    assert len(plan) > 1_000_000


@pytest.mark.parametrize("streams", [Streams(), MANY], ids=str)
def test_8_bits_build_for_all_targets_at_once(rtx: Library, tmp_path: Path, streams: Streams) -> None:
    path = tmp_path / "int8.engine"
    export_engine(path, "tensorrt-rtx", EngineForm(SMALL, streams, 1, "int8", TARGETS), say=lambda _: None)
    notes = read_engine(path).notes
    assert (notes["library"], notes["targets"]) == (rtx.version, "8.6,8.9,12.0")
    assert parsed(notes, path.name).precision == "int8"


@pytest.mark.usefixtures("rtx")
def test_the_command_writes_an_engine_that_says_what_it_is(rimlight: Runs, tmp_path: Path) -> None:
    ran = rimlight(*RTX, "--sm", "86,120", "--streams", "1:2:4", "--batch", "2", "--out", "net.engine")
    assert (ran.code, ran.out.split()[0]) == (0, "net.engine")
    assert files(tmp_path) == {"net.engine"}
    file = read_engine(tmp_path / "net.engine")
    found = parsed(file.notes, "net.engine")
    assert (found.size, found.streams, found.batch, found.precision) == ("160x96", "1:2:4", "2", "f16")
    assert (file.notes["kind"], file.notes["targets"], len(file.notes["graph_sha256"])) == (
        "tensorrt-rtx", "8.6,12.0", 64,
    )  # fmt: skip


@pytest.mark.usefixtures("rtx")
def test_an_engine_is_checked_on_its_gpu_only(rimlight: Runs, tmp_path: Path) -> None:
    if tensorrt_compat.driver_there():
        pytest.skip("a real GPU is here")
    rimlight(*RTX, "--sm", "86", "--out", "net.engine")
    refused(rimlight("export", "check", "net.engine", "onnx"), "NVIDIA")
    refused(rimlight("export", "check", "net.engine", "onnx", "--size", "96x64"), "fixed at 160x96, got 96x64")
    (tmp_path / "net.engine").write_bytes(b"a plan")
    refused(rimlight("export", "check", "net.engine", "onnx"), "net.engine is no engine of rimlight")


@pytest.mark.usefixtures("rtx")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sm", "90"), "does not build for compute capability 9.0; it builds for 7.5, 8.0, 8.6"),
        (("--sm", "8.9"), "such as 86,89,120 for --sm, got '8.9'"),
        (("--sm", ""), "such as 86,89,120 for --sm, got ''"),
        (("--streams", "4:2:1"), "least <= best <= most"),
        (("--streams", "many"), "1:4:8"),
        (("--size", "500x290"), "use 496x288"),
        (("--calibrate", "talk.mp4"), "--precision int8 only"),
        (("--precision", "int8", "--calibrate", "talk.mp4"), "cannot read talk.mp4"),
        (("--weights", "gone.safetensors"), "gone.safetensors"),
        (("--out", "net.plan"), "ends in .engine"),
    ],
)
def test_bad_input_is_one_line(rimlight: Runs, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    refused(rimlight(*RTX, *arguments), said)
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("tensorrt", "TensorRT 8.6, 10.x or 11.x, which is not installed; run: pip install 'rimlight[tensorrt]'"),
        ("tensorrt-rtx", "TensorRT-RTX 1.x, which is not installed; run: pip install 'rimlight[tensorrt-rtx]'"),
    ],
)
def test_a_missing_library_is_named_with_its_versions_and_extra(
    rimlight: Runs, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    monkeypatch.setitem(tensorrt_compat.MODULES, command, ("no_such_library",))
    refused(rimlight("export", command), said)


def test_what_the_parser_does_not_take_is_said_in_its_words(rtx: Library) -> None:
    import onnx

    model = onnx.load_from_string(engine_graph(SMALL))
    model.opset_import[0].version = 99
    with pytest.raises(BackendError, match=r"expected a graph of opset 9 to \d+, got 99; export it at opset 17"):
        build(rtx, model.SerializeToString(), say=lambda _: None)
    model.opset_import[0].version = 17
    model.graph.node[0].op_type = "NoSuchKind"
    with pytest.raises(BackendError, match=r"cannot read this graph.*NoSuchKind"):
        build(rtx, model.SerializeToString(), say=lambda _: None)


def test_targets_are_read_as_nvidia_writes_them() -> None:
    assert capabilities("86,89, 120,86") == ("8.6", "8.9", "12.0")
