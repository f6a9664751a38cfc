"""What the builder is told in each version, what is said when it refuses, and that the real one takes our graphs."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from rimlight.backends import tensorrt_compat as compat
from rimlight.backends.tensorrt_build import BuildOrder, _types, build
from rimlight.backends.tensorrt_compat import Kind, Library
from rimlight.backends.tensorrt_progress import Line, _Fraction
from rimlight.errors import BackendError
from rimlight.graph.streams import Streams
from rimlight.types import Size

from ..conftest import need
from ..gpu.fake_tensorrt import FLAVOURS, Fake

onnx = pytest.importorskip("onnx", reason="the onnx package is not installed")
from rimlight.graph.fixed import Precision, engine_graph  # noqa: E402

SIZE = Size(64, 96)
TYPED = ("10", "11", "rtx")
MANY = Streams(1, 2, 4)


@lru_cache
def graph(precision: Precision = "f16", streams: Streams = Streams()) -> bytes:  # noqa: B008 - frozen
    return engine_graph(SIZE, streams, precision)


@pytest.fixture(params=FLAVOURS)
def fake(request: pytest.FixtureRequest) -> Fake:
    return Fake(request.param)


def library_of(fake: Fake) -> Library:
    kind: Kind = "tensorrt-rtx" if fake.flavour.targets else "tensorrt"
    return Library(fake.module, kind, fake.flavour.version)


def nothing(_: str) -> None:
    """Takes progress."""


def built(fake: Fake, data: bytes, order: BuildOrder | None = None, **options: Any) -> bytes:
    return build(library_of(fake), data, order, say=nothing, **options)


def small_graph(operator: str = "Relu", opset: int = 17) -> bytes:
    ports = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    made = onnx.helper.make_graph(
        [onnx.helper.make_node(operator, ["x"], ["y"], name="the_node")], "small", ports[:1], ports[1:]
    )
    data: bytes = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", opset)]).SerializeToString()
    return data


def test_every_version_builds_the_half_precision_graph(fake: Fake) -> None:
    assert built(fake, graph())
    assert len(fake.seen.builds) == 1


def test_typed_versions_get_no_flags_and_8_6_is_held_to_the_graphs_types(fake: Fake) -> None:
    built(fake, graph())
    flags = fake.seen.builds[0]["flags"]
    if fake.flavour.version.startswith("8"):
        assert flags == {"FP16", "OBEY_PRECISION_CONSTRAINTS"}
        types = _types(graph())
        assert "HALF" in types.values()
        assert {types[name] for name in fake.seen.held} == {"FLOAT"}
        assert any("/refiner/" in name for name in fake.seen.held)
    else:
        assert flags == set()
        assert fake.seen.held == []


def test_a_single_precision_graph_allows_neither_float16_nor_tf32(fake: Fake) -> None:
    built(fake, graph("f32"))
    assert fake.seen.builds[0]["flags"] == set()
    assert fake.seen.held == []


def test_old_versions_leave_out_what_needs_cudnn() -> None:
    fake = Fake("8.6")
    built(fake, graph())
    assert fake.seen.builds[0]["tactics"] == {"EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS"}


def test_free_streams_get_a_profile_and_fixed_ones_none(fake: Fake) -> None:
    assert b'"shapes": null' in built(fake, graph())
    plan = built(fake, graph("f16", MANY), BuildOrder(MANY))
    assert b'"images": [[1, 1, 3, 64, 96], [2, 1, 3, 64, 96], [4, 1, 3, 64, 96]]' in plan
    assert b'"own": [[1, 1], [2, 1], [4, 1]]' in plan


def test_free_sizes_are_refused(fake: Fake) -> None:
    from rimlight import assets

    free = assets.asset(f"{assets.DEFAULT}.onnx").path.read_bytes()
    with pytest.raises(BackendError, match="expected fixed sizes but for the number of streams, got images of"):
        built(fake, free)


def test_an_operator_that_is_not_there_is_named_with_its_node(fake: Fake) -> None:
    with pytest.raises(BackendError, match=r"cannot read this graph: node 0 \(.*\): Plugin not found; export it"):
        built(fake, small_graph("Nonsense"))


def test_newer_parsers_name_operator_and_node() -> None:
    with pytest.raises(BackendError, match=r"node 0 \(Nonsense the_node\)"):
        built(Fake("11"), small_graph("Nonsense"))


@pytest.mark.parametrize("opset", [7, 99])
def test_an_opset_that_nobody_knows_is_refused(fake: Fake, opset: int) -> None:
    with pytest.raises(BackendError, match=f"expected a graph of opset 9 to .*, got {opset}; export it at opset 17"):
        built(fake, small_graph(opset=opset))


@pytest.mark.parametrize("data", [b"rubbish", b""])
def test_what_is_no_graph_is_refused(fake: Fake, data: bytes) -> None:
    with pytest.raises(BackendError, match="expected "):
        built(fake, data)


def test_a_build_that_runs_out_of_memory_says_what_to_do(fake: Fake) -> None:
    fake.faults.build = "[defaultAllocator.cpp::allocate::42] Error Code 1: Cuda Runtime (out of memory)"
    with pytest.raises(BackendError, match=r"ran out of memory while it built.*smaller --detail"):
        built(fake, graph())


def test_any_other_refusal_repeats_what_the_library_says(fake: Fake) -> None:
    fake.faults.build = "Target GPU SM 61 is not supported by this TensorRT release."
    with pytest.raises(BackendError, match=r"cannot build this engine: Target GPU SM 61 is not supported"):
        built(fake, graph())


@pytest.mark.parametrize("flavour", ["8.6", "10", "11"])
def test_without_a_gpu_only_rtx_builds(flavour: str) -> None:
    with pytest.raises(BackendError, match=r"does not start: CUDA initialization failure.*needs an NVIDIA GPU"):
        built(Fake(flavour, gpu=None), graph())
    assert built(Fake("rtx", gpu=None), graph(), BuildOrder(targets=("8.9",)))


def test_rtx_takes_targets_and_refuses_others() -> None:
    fake = Fake("rtx")
    built(fake, graph(), BuildOrder(targets=("8.6", "12.0")))
    assert fake.seen.builds[0]["targets"] == {0: "SM86", 1: "SM120"}
    with pytest.raises(BackendError, match=r"does not build for compute capability 9\.0; it builds for 7\.5, 8\.0"):
        built(fake, graph(), BuildOrder(targets=("8.9", "9.0")))
    with pytest.raises(BackendError, match=r"it builds for the GPU that is there"):
        built(Fake("11"), graph(), BuildOrder(targets=("8.9",)))


@pytest.mark.parametrize("flavour", ["8.6", "10", "11"])
def test_timings_are_kept_and_a_damaged_file_is_begun_anew(
    flavour: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake = Fake(flavour)
    timings = tmp_path / "engines" / "gpu.timings"
    built(fake, graph(), timing_cache=timings)
    kept = timings.read_bytes()
    assert fake.flavour.version.encode() in kept
    timings.write_bytes(b"\0" * 100)
    built(fake, graph(), timing_cache=timings)
    assert timings.read_bytes() == kept
    assert "gpu.timings is damaged or of another library" in caplog.text
    assert list(timings.parent.iterdir()) == [timings]


def test_rtx_measures_nothing_and_keeps_no_timings(tmp_path: Path) -> None:
    built(Fake("rtx"), graph(), timing_cache=tmp_path / "gpu.timings")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_costs_no_engine(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fake = Fake("10")
    (tmp_path / "file").touch()
    assert built(fake, graph(), timing_cache=tmp_path / "file" / "gpu.timings")
    assert "cannot be written" in caplog.text


def test_a_build_says_what_it_does_and_when_it_is_done(fake: Fake) -> None:
    said: list[str] = []
    build(library_of(fake), graph(), say=said.append)
    assert said[0].startswith(f"building the engine with {library_of(fake)}: ")
    assert (" %, " in said[0]) == fake.flavour.monitor
    assert "done in" in said[-1]


def test_a_step_of_an_inner_phase_counts_as_part_of_the_outer_ones_step() -> None:
    fraction = _Fraction()
    assert fraction.value == 0
    fraction.started("all", None, 4)
    fraction.stepped("all", 0)
    assert fraction.value == 0.25
    fraction.started("inner", "all", 2)
    fraction.stepped("inner", 0)
    assert fraction.value == 0.375
    fraction.finished("inner")
    fraction.stepped("all", 3)
    assert fraction.value == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_of_a_terminal() -> None:
    screen = Terminal()
    line = Line(screen)
    line.say("building: 9 s, longer")
    line.say("done")
    line.end()
    assert screen.getvalue() == "\rbuilding: 9 s, longer\rdone                 \n"


def test_progress_without_a_terminal_is_the_first_and_the_last_line_of_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    line = Line(io.StringIO())
    for text in ("begun", "running", "done"):
        line.say(text)
    line.end()
    assert [record.message for record in caplog.records] == ["begun", "done"]


@pytest.fixture(scope="module")
def rtx() -> Library:
    need("tensorrt-rtx", compat.installed("tensorrt-rtx"), "TensorRT-RTX is not installed")
    return compat.library("tensorrt-rtx")


@pytest.mark.parametrize("precision", ["f32", "f16"])
@pytest.mark.parametrize("streams", [Streams(), MANY], ids=["one stream", "streams"])
def test_the_real_rtx_builds_for_three_generations_without_a_gpu(
    rtx: Library, precision: Precision, streams: Streams, tmp_path: Path
) -> None:
    order = BuildOrder(streams, targets=("8.6", "8.9", "12.0"))
    plan = build(rtx, graph(precision, streams), order, tmp_path / "gpu.timings", say=nothing)
    assert len(plan) > 4e6


def test_the_real_rtx_names_what_it_cannot_read(rtx: Library) -> None:
    with pytest.raises(BackendError, match=r"node 0 \(Nonsense the_node\): .*Plugin not found"):
        build(rtx, small_graph("Nonsense"), say=nothing)


def test_the_real_rtx_has_no_engines_for_hopper(rtx: Library) -> None:
    with pytest.raises(BackendError, match=r"does not build for compute capability 9\.0"):
        build(rtx, graph(), BuildOrder(targets=("9.0",)), say=nothing)
