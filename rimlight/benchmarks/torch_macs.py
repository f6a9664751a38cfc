"""Arithmetic of the network as PyTorch runs it: the field's own counter for what it sees, a written rule for the rest.

The counter sees convolutions and matrix products, so attention too, as two floating-point operations for each multiply
and add (MAC). What it does not see is counted here by the operations for each element; two of them make a MAC as well.
Batch normalisation counts nothing: every runtime folds it into the convolution before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from rimlight.errors import BackendError, MissingExtraError
from rimlight.types import Size

try:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode
except ImportError as error:
    raise MissingExtraError("rimlight bench macs", "PyTorch", "torch") from error

from rimlight.model.network import MattingNetwork
from rimlight.model.weights import load_network

TRAINING_ONLY = ("segment.", "coarse.")
PARTS = ("backbone", "aspp", "memory", "decoder", "project", "refiner")
ATTENTION = "read"
FLOPS = 2  # of a MAC
COUNTED = frozenset({"convolution", "bmm", "mm", "addmm", "baddbmm"})
FOLDED = frozenset({"native_batch_norm", "_native_batch_norm_legit_no_training"})
# Operations for each element of the result: a hard swish is x * clamp(x + 3, 0, 6) / 6, a bilinear sample four taps.
ELEMENTWISE = {
    "add": 1, "add_": 1, "sub": 1, "mul": 1, "div": 1, "relu": 1, "relu_": 1, "clamp": 2, "gt": 1, "where": 1,
    "hardswish": 5, "hardswish_": 5, "hardsigmoid": 4, "sigmoid": 4, "_softmax": 5, "upsample_bilinear2d": 8,
}  # fmt: skip
MOVES = frozenset({
    "view", "_unsafe_view", "expand", "slice", "unsqueeze", "transpose", "permute", "select", "clone", "cat", "stack",
    "copy_", "contiguous", "reshape", "zeros", "zeros_like", "new_zeros", "empty", "replication_pad2d", "detach",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """MACs of one part of the network: products as the field counts them, and all the rest."""

    products: int
    rest: int


def count_parameters(network: MattingNetwork | None = None) -> int:
    """Parameters of a step, without the heads that only training reads."""
    named = (network or load_network()).named_parameters()
    return sum(tensor.numel() for name, tensor in named if not name.startswith(TRAINING_ONLY))


def count_step(size: Size, network: MattingNetwork | None = None) -> dict[str, Part]:
    """MACs of one live step by part, at an internal size; "read" is the attention to the memory.

    Raises BackendError if the network does something that is neither counted nor known to be free.
    """
    network = network or load_network()
    products = _flops(network, size, {})
    everything = _flops(network, size, _formulas())
    return {
        name: Part(products[name] // FLOPS, (everything[name] - products[name]) // FLOPS)
        for name in (*PARTS, ATTENTION)
    }


class _Seen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the names of all operations that run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func._overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


def _flops(network: MattingNetwork, size: Size, formulas: dict[Any, Callable[..., int]]) -> dict[str, int]:
    """Floating-point operations by part; what lies in no part is the attention and the memory's book-keeping."""
    image, own = torch.rand(1, 3, size.height, size.width), torch.zeros(1)
    memory = network.empty_memory(1, size.height, size.width)
    with torch.no_grad(), _Seen() as seen, FlopCounterMode(display=False, custom_mapping=formulas) as counter:
        network.step(image, *memory, own)
    strangers = seen.names - COUNTED - FOLDED - MOVES - set(ELEMENTWISE) - {"avg_pool2d", "mean"}
    if strangers:
        raise BackendError(f"expected operations that are counted, got {sorted(strangers)}; say there what they cost")
    counts = counter.get_flop_counts()
    parts = {part: sum(counts.get(f"MattingNetwork.{part}", {}).values()) for part in PARTS}
    return parts | {ATTENTION: sum(counts["Global"].values()) - sum(parts.values())}


def _formulas() -> dict[Any, Callable[..., int]]:
    """Operations of what FlopCounterMode leaves out, by PyTorch's name; each is given shapes."""

    def pooled(*shapes: Any, out_shape: Any, **_: Any) -> int:
        return int(prod(out_shape) * prod(shapes[1]))  # a 3x3 mean: eight additions and a product

    def averaged(shape: Any, *_: Any, **__: Any) -> int:
        return int(prod(shape))

    def elements(cost: int) -> Callable[..., int]:
        return lambda *_, out_shape, **__: int(cost * prod(out_shape))

    aten = torch.ops.aten
    rules = {getattr(aten, name): elements(cost) for name, cost in ELEMENTWISE.items()}
    return rules | {aten.avg_pool2d: pooled, aten.mean: averaged}
