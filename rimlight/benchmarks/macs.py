"""What the network and the full-resolution pass cost in parameters, multiplications and bytes; no clock is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rimlight.benchmarks.graph_macs import count_graph
from rimlight.benchmarks.machine import describe_machine
from rimlight.benchmarks.pass_cost import pass_cost
from rimlight.benchmarks.records import Record, new_record
from rimlight.benchmarks.tables import markdown
from rimlight.benchmarks.torch_macs import Part, count_parameters, count_step
from rimlight.model.weights import load_network
from rimlight.signature import check_internal, internal_size
from rimlight.types import Size

# The paper's own figures, which the network may not exceed.
MOST_PARAMETERS = 3_890_000
MOST_MACS = 9_690_000_000
LIMIT_SIZE = Size(512, 512)
PASSES = (
    ("rgb", "rgb", "sharp"), ("i420", "i420", "sharp"), ("i420", "i420", "soft"), ("i420", "rgba", "transparent"),
)  # fmt: skip


def count(sizes: Sequence[Size], frame_sizes: Sequence[Size]) -> Record:
    """Costs of one step at internal sizes, counted twice, and of the pass at frame sizes.

    Raises FrameError where an internal size is no multiple of 16.
    """
    network = load_network()
    parameters = count_parameters(network)
    found = {str(size): _step(count_step(check_internal(size), network), size) for size in sizes}
    most = found.get(str(LIMIT_SIZE), {}).get("total_macs")
    figures = {
        "parameters": parameters,
        "limits": {"parameters": MOST_PARAMETERS, "macs": MOST_MACS, "size": str(LIMIT_SIZE)},
        "within_limits": parameters <= MOST_PARAMETERS and (most is None or most <= MOST_MACS),
        "sizes": found,
        "passes": [_pass(size, *kinds) for size in frame_sizes for kinds in PASSES],
    }
    settings = {"sizes": list(found), "frame_sizes": [str(size) for size in frame_sizes]}
    return new_record("macs", settings, figures, describe_machine())


def render(record: Record) -> str:
    """Markdown tables: parts of the network by size, and the pass by size and pixels."""
    limits, found = record.figures["limits"], record.figures
    verdict = "within" if found["within_limits"] else "ABOVE"
    head = (
        f"{found['parameters'] / 1e6:.3f} M parameters: {verdict} the limits of {limits['parameters'] / 1e6:.2f} M and "
        f"{limits['macs'] / 1e9:.2f} GMACs at {limits['size']}."
    )
    return "\n\n".join([head, _render_network(record), _render_pass(record)])


def _step(parts: dict[str, Part], size: Size) -> dict[str, Any]:
    graph = count_graph(size)
    products = sum(part.products for part in parts.values())
    return {
        "parts": {name: {"products": part.products, "rest": part.rest} for name, part in parts.items()},
        "product_macs": products,
        "total_macs": products + sum(part.rest for part in parts.values()),
        "graph": {"convolutions": graph.convolutions, "matrix_products": graph.matrix_products},
        "graph_agrees": graph.total == products,
    }


def _pass(full: Size, source: str, target: str, backdrop: str) -> dict[str, Any]:
    cost = pass_cost(full, internal_size(full), source, target, backdrop)
    return {
        "size": str(full), "from": source, "to": target, "backdrop": backdrop, "operations": cost.operations,
        "macs": cost.macs, "read_bytes": cost.read_bytes, "written_bytes": cost.written_bytes,
    }  # fmt: skip


def _render_network(record: Record) -> str:
    """Convolutions and matrix products as the field counts them; the rest; and the graph's own count."""
    sizes = record.figures["sizes"]
    rows = [["GMACs", *(f"{size} {what}" for size in sizes for what in ("products", "rest"))]]
    for part in next(iter(sizes.values()))["parts"]:
        pairs = [sizes[size]["parts"][part] for size in sizes]
        rows.append([part, *(f"{pair[what] / 1e9:.3f}" for pair in pairs for what in ("products", "rest"))])
    sums = [(step["product_macs"], step["total_macs"] - step["product_macs"]) for step in sizes.values()]
    rows.append(["sum", *(f"{value / 1e9:.3f}" for pair in sums for value in pair)])
    rows.append(["all", *(cell for step in sizes.values() for cell in (f"{step['total_macs'] / 1e9:.3f}", ""))])
    graph = [sum(step["graph"].values()) for step in sizes.values()]
    rows.append(["ONNX graph", *(cell for value in graph for cell in (f"{value / 1e9:.3f}", ""))])
    return markdown(rows)


def _render_pass(record: Record) -> str:
    rows = [["full-resolution pass", "size", "GMACs", "MB read", "MB written"]]
    for cost in record.figures["passes"]:
        kind = f"{cost['from']} to {cost['to']}, {cost['backdrop']}"
        moved = [f"{cost[way] / 1e6:.1f}" for way in ("read_bytes", "written_bytes")]
        rows.append([kind, cost["size"], f"{cost['macs'] / 1e9:.3f}", *moved])
    return markdown(rows)
