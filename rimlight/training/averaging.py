"""The moving average of the weights over steps, which is what is shipped: it is steadier than the last step."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def started(network: nn.Module) -> dict[str, Tensor]:
    """A copy of all floating-point weights and statistics by name."""
    return {name: tensor.detach().clone() for name, tensor in floating(network).items()}


def decay_at(step: int, decay: float) -> float:
    """Share of the old average kept at a step, from 0: small at first, so that random weights are soon forgotten.

    The usual warm-up (1 + n) / (10 + n), until it reaches decay.
    """
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def update(average: dict[str, Tensor], network: nn.Module, kept: float) -> None:
    """Move average towards the network's weights and batch norm statistics, in place."""
    tensors = floating(network)
    torch._foreach_lerp_(list(average.values()), [tensors[name] for name in average], 1 - kept)


def floating(network: nn.Module) -> dict[str, Tensor]:
    """What a weights file holds: everything but the counters of batch norms."""
    return {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
