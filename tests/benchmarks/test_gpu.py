"""`rimlight bench gpu`: what is timed in which order, what the record says, and that a trial is no measurement."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from rimlight.errors import BackendError
from rimlight.types import Size
from tests.benchmarks.test_bench_cli import bench

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from rimlight.benchmarks.gpu import plan as plans  # noqa: E402 - needs torch
from rimlight.benchmarks.gpu import summary  # noqa: E402
from rimlight.benchmarks.gpu.cases import Case, Timed  # noqa: E402
from rimlight.benchmarks.gpu.onnx_torch import OnnxNetwork  # noqa: E402
from rimlight.benchmarks.gpu.plan import FRAME, OURS, RVM, Plan, measure, render, targets, times_rvm  # noqa: E402
from rimlight.benchmarks.gpu.race import LEAST, race  # noqa: E402
from rimlight.benchmarks.records import read_record  # noqa: E402

SIZE = Size(1080, 1920)


class Steady(Timed):
    """Takes the same time in every call, and half of it where calls overlap."""

    def __init__(self, name: str, ms: float, called: list[str]) -> None:
        self._name, self._ms, self._called = name, ms, called

    def alone_ms(self) -> float:
        self._called.append(self._name)
        return self._ms

    def together_ms(self, count: int) -> float:
        return self._ms * count / 2

    def close(self) -> None:
        self._called.append(f"{self._name} closed")


def case(who: str, ms: float, called: list[str], streams: int = 1) -> Case:
    return Case(who, FRAME, SIZE, streams, lambda: Steady(who, ms, called))


def absent() -> Timed:
    raise BackendError("no such thing here")


def test_cases_have_their_turns_and_are_closed() -> None:
    called: list[str] = []
    rows, missing = race([case("a", 200.0, called), case("b", 100.0, called, 8)], seconds=0.1, rounds=2)
    assert not missing
    turns = [name for index, name in enumerate(called) if index == 0 or called[index - 1] != name]
    assert turns == ["a", "b", "a", "b", "a", "b", "b closed", "a closed"]  # the first two count how many calls fit
    first, second = rows
    assert first["calls"] == 2 * LEAST
    assert (first["p50_ms"], first["p99_ms"], first["fps"]) == (200.0, 200.0, 10.0)
    assert (second["p50_ms"], second["fps"]) == (100.0, 160.0)


def test_what_cannot_be_opened_is_absent_with_its_reason() -> None:
    rows, missing = race([Case("c", FRAME, SIZE, 1, absent), case("a", 1.0, [])], seconds=0.01, rounds=1)
    assert [row["who"] for row in rows] == ["a"]
    assert missing == {f"c, {FRAME}, 1920x1080, 1": "no such thing here"}


def test_a_failure_closes_what_is_open() -> None:
    called: list[str] = []

    def breaks() -> Timed:
        raise ValueError("a driver's own error")

    with pytest.raises(ValueError, match="own error"):
        race([case("a", 1.0, called), Case("c", FRAME, SIZE, 1, breaks)], seconds=0.01, rounds=1)
    assert called[-1] == "a closed"


def rows(ours_fps: float, theirs_fps: float, p50_ms: float) -> list[dict[str, Any]]:
    common = {"what": FRAME, "size": str(SIZE), "streams": 1, "p50_ms": p50_ms, "p99_ms": p50_ms, "fps_spread": 0.0}
    return [{"who": OURS, "fps": ours_fps, **common}, {"who": RVM, "fps": theirs_fps, **common}]


def test_a_target_is_met_or_not() -> None:
    good, bad = rows(2000, 400, 0.7), rows(1000, 400, 0.9)
    assert times_rvm(good) == {"1920x1080 x 1": 5.0}
    assert all(line.endswith(", met") for line in targets(good, times_rvm(good)))
    assert all(line.endswith("NOT met") for line in targets(bad, times_rvm(bad)))
    assert all("not measured" in line for line in targets([], {}))


@pytest.fixture
def doubles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No case touches a device."""
    called: list[str] = []

    def groups(plan: Plan) -> Any:
        yield "first", [case(OURS, 1.0, called), case(RVM, 4.0, called), Case("c", FRAME, SIZE, 1, absent)]
        yield "second", [case(OURS, 1.0, called, streams) for streams in plan.streams]

    monkeypatch.setattr(plans, "_groups", groups)
    return called


@pytest.mark.usefixtures("doubles")
def test_a_trial_on_the_processor_says_that_it_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["gpu", "--device", "cpu", "--streams", "8", "--seconds", "0.01"]
    assert bench(monkeypatch, *options, "--out", tmp_path) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["gpu-stand-in.json"]
    figures = read_record(tmp_path / "gpu-stand-in.json").figures
    assert figures["stand_in"] is True
    assert figures["times_rvm"] == {"1920x1080 x 1": 4.0}
    assert figures["absent"] == {f"c, {FRAME}, 1920x1080, 1": "no such thing here"}
    said = capsys.readouterr().out
    assert said.startswith("STAND-IN, NO MEASUREMENT")
    assert "target" not in said
    assert "absent: c" in said


def test_a_trial_is_not_kept_among_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench(monkeypatch, "gpu", "--device", "cpu") == 2


@pytest.mark.usefixtures("doubles")
def test_without_a_gpu_nothing_is_measured() -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU is here")
    with pytest.raises(BackendError, match="PyTorch sees no GPU"):
        measure(Plan((SIZE,)), print)


@pytest.mark.usefixtures("doubles")
def test_when_time_is_up_the_rest_is_absent() -> None:
    told: list[str] = []
    with pytest.raises(BackendError, match="0 seconds were over"):
        measure(Plan((SIZE,), device="cpu", limit_s=0.0), told.append)
    assert told == []


@pytest.mark.usefixtures("doubles")
def test_the_last_words_have_both_tables(tmp_path: Path) -> None:
    assert "reported nothing" in summary.summary(tmp_path)
    assert "left no record" in summary.summary(tmp_path)
    check = {"check": "alpha", "who": "torch", "found": 0.00123, "wanted": "< 0.005", "stand_in": False}
    (tmp_path / summary.CHECKS).write_text(json.dumps(check) + "\n")
    from rimlight.benchmarks.records import write_record

    record = measure(Plan((SIZE,), device="cpu", seconds=0.01), print)
    write_record(record, tmp_path)
    said = summary.summary(tmp_path)
    assert "0.001230" in said
    assert render(record) in said


def network(tmp_path: Path, *nodes: Any, **weights: np.ndarray) -> Path:
    """A graph from x to y."""
    given, wanted = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(list(nodes), "peer", [given], [wanted], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    path = tmp_path / "peer.onnx"
    save(model, path)
    return path


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


X = random(2, 4, 12, 10)
NODES: dict[str, Callable[[], tuple[list[Any], dict[str, np.ndarray]]]] = {
    "convolution": lambda: (
        [helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2], group=2)],
        {"w": random(6, 2, 3, 3), "b": random(6)},
    ),
    "uneven edges": lambda: (
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[0, 1, 2, 1])], {"w": random(4, 4, 3, 3)},
    ),
    "gate": lambda: (
        [
            helper.make_node("GlobalAveragePool", ["x"], ["mean"]),
            helper.make_node("HardSigmoid", ["mean"], ["gate"], alpha=0.2, beta=0.5),
            helper.make_node("Mul", ["x", "gate"], ["y"]),
        ], {},
    ),
    "resize by scales": lambda: (
        [helper.make_node("Resize", ["x", "roi", "scales"], ["y"], mode="linear",
                          coordinate_transformation_mode="pytorch_half_pixel")],
        {"roi": np.zeros(0, np.float32), "scales": np.array([1, 1, 0.5, 2], np.float32)},
    ),
    "resize to a shape": lambda: (
        [
            helper.make_node("Shape", ["x"], ["shape"]),
            helper.make_node("Slice", ["shape", "from", "to", "axis"], ["outer"]),
            helper.make_node("Concat", ["outer", "sides"], ["sizes"], axis=0),
            helper.make_node("Resize", ["x", "roi", "roi", "sizes"], ["y"], mode="linear",
                             coordinate_transformation_mode="pytorch_half_pixel"),
        ],
        {"roi": np.zeros(0, np.float32), "from": np.array([0]), "to": np.array([2]), "axis": np.array([0]),
         "sides": np.array([7, 9])},
    ),
    "pool, split and clamp": lambda: (
        [
            helper.make_node("AveragePool", ["x"], ["half"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
            helper.make_node("Split", ["half"], ["one", "other"], axis=1, split=[1, 3]),
            helper.make_node("Sub", ["high", "other"], ["turned"]),
            helper.make_node("Clip", ["turned", "low", "high"], ["y"]),
        ],
        {"low": np.array(0, np.float32), "high": np.array(1, np.float32)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", NODES)
def test_a_peers_graph_says_the_same_by_torch_and_by_its_own_runtime(kind: str, tmp_path: Path) -> None:
    import onnxruntime

    nodes, weights = NODES[kind]()
    path = network(tmp_path, *nodes, **weights)
    (wanted,) = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(["y"], {"x": X})
    found = OnnxNetwork(path, torch.device("cpu"), torch.float32)({"x": torch.from_numpy(X.copy())})["y"]
    assert np.allclose(found.numpy(), wanted, atol=1e-5)


def test_an_operation_without_a_rule_is_named(tmp_path: Path) -> None:
    path = network(tmp_path, helper.make_node("Erf", ["x"], ["y"]))
    with pytest.raises(BackendError, match=r"Erf of peer\.onnx"):
        OnnxNetwork(path, torch.device("cpu"), torch.float32)
