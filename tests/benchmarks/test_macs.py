"""The network stays below the paper's own figures, by two ways of counting that agree."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")
pytest.importorskip("onnx", reason="onnx (extra bench) is not installed")

from rimlight.benchmarks import macs, torch_macs  # noqa: E402
from rimlight.benchmarks.graph_macs import count_graph  # noqa: E402
from rimlight.benchmarks.pass_cost import pass_cost  # noqa: E402
from rimlight.benchmarks.records import Record  # noqa: E402
from rimlight.benchmarks.torch_macs import Part, count_parameters, count_step  # noqa: E402
from rimlight.errors import BackendError, FrameError  # noqa: E402
from rimlight.model.network import MattingNetwork  # noqa: E402
from rimlight.types import Size  # noqa: E402

SQUARE, LIVE = Size(512, 512), Size(288, 512)


@pytest.fixture(scope="module")
def square() -> dict[str, Part]:
    return count_step(SQUARE)


@pytest.fixture(scope="module")
def record() -> Record:
    return macs.count([Size(96, 160)], [Size(1080, 1920)])


def test_parameters_are_within_the_papers() -> None:
    assert 3_500_000 < count_parameters() <= 3_890_000


def test_heads_that_only_training_reads_do_not_count() -> None:
    network = MattingNetwork()
    everything = sum(tensor.numel() for tensor in network.parameters())
    heads = sum(tensor.numel() for head in (network.segment, network.coarse) for tensor in head.parameters())
    assert count_parameters(network) == everything - heads


def test_multiplications_at_512_squared_are_within_the_papers_even_with_all_the_rest(square: dict[str, Part]) -> None:
    products = sum(part.products for part in square.values())
    assert products > 9_000_000_000
    assert products + sum(part.rest for part in square.values()) <= 9_690_000_000


def test_the_exported_graph_has_the_same_products(square: dict[str, Part]) -> None:
    graph = count_graph(SQUARE)
    assert graph.total == sum(part.products for part in square.values())
    assert graph.matrix_products == square["read"].products


def test_attention_is_counted_by_its_own_formula() -> None:
    parts = count_step(LIVE)
    cells = 18 * 32
    assert parts["read"].products == cells * 2 * cells * (16 + 64)  # q.k over 16 channels, weights.v over 64


def test_what_the_fields_counter_does_not_see_is_counted(square: dict[str, Part]) -> None:
    pixels = 512 * 512
    up = 8 * (128 * pixels // 64 + 80 * pixels // 16 + 40 * pixels // 4 + 32 * pixels) // 2  # four taps each
    assert square["decoder"].rest > up
    assert square["refiner"].rest > 9 * 16 * pixels // 2  # sixteen 3x3 means
    assert square["project"].rest == 0


def test_an_operation_without_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = {name: cost for name, cost in torch_macs.ELEMENTWISE.items() if name != "hardsigmoid"}
    monkeypatch.setattr(torch_macs, "ELEMENTWISE", rules)
    with pytest.raises(BackendError, match="hardsigmoid"):
        count_step(Size(32, 32))


def test_the_pass_reads_and_writes_every_picture_once() -> None:
    full, small = Size(1080, 1920), LIVE
    pixels, low = 1080 * 1920, 8 * 4 * 288 * 512
    assert pass_cost(full, small, "i420", "i420", "transparent").read_bytes == pixels * 3 // 2 + low
    sharp = pass_cost(full, small, "rgb", "rgb", "sharp")
    assert (sharp.read_bytes, sharp.written_bytes) == (6 * pixels + low, 3 * pixels)
    assert pass_cost(full, small, "rgb", "rgba", "transparent").written_bytes == 4 * pixels
    assert 50 * pixels < sharp.operations < 200 * pixels
    assert sharp.macs == sharp.operations // 2


def test_the_record_holds_parts_graph_and_passes(record: Record) -> None:
    step = record.figures["sizes"]["160x96"]
    assert step["graph_agrees"]
    assert set(step["parts"]) == {*torch_macs.PARTS, "read"}
    assert step["total_macs"] > step["product_macs"]
    assert record.figures["within_limits"]
    assert len(record.figures["passes"]) == len(macs.PASSES)
    text = macs.render(record)
    assert "within the limits of 3.89 M and 9.69 GMACs at 512x512" in text
    assert "| ONNX graph " in text


def test_an_internal_size_that_is_no_multiple_of_16_is_refused() -> None:
    with pytest.raises(FrameError, match="multiples of 16"):
        macs.count([Size(100, 100)], [])
