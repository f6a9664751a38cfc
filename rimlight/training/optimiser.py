"""AdamW over the parts of the network, and its memory by the parameters' names."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rimlight.errors import TrainingError
from rimlight.training.config import Config, Rates, Stage

PARTS = {"backbone": "encoder", "refiner": "refiner"}  # all others are "rest"


def part_of(name: str) -> str:
    """Field of Rates that a parameter or module falls under."""
    return next((PARTS[piece] for piece in name.split(".") if piece in PARTS), "rest")


def build(network: nn.Module, config: Config) -> torch.optim.AdamW:
    """AdamW with a group for each part, weights and what does not decay apart; rates are set later."""
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        groups.setdefault((part_of(name), parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": parameters, "part": part, "weight_decay": config.weight_decay if decays else 0.0}
            for (part, decays), parameters in groups.items()
        ],
        lr=0.0,
        betas=config.betas,
    )


def set_rates(optimiser: torch.optim.Optimizer, rates: Rates, share: float) -> None:
    """Give every group its part's rate times share."""
    for group in optimiser.param_groups:
        group["lr"] = getattr(rates, group["part"]) * share


def enter(network: nn.Module, stage: Stage) -> None:
    """Set what learns in a stage: parts of rate 0 neither move nor count statistics; unused heads rest too."""
    unused = set()
    if not stage.losses.coarse:
        unused.add("coarse")
    if not (stage.plan.photos and stage.losses.segmentation):
        unused.add("segment")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(_learns(name, stage) and name.partition(".")[0] not in unused)
        parameter.grad = None
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm):
            frozen = stage.frozen_norms or (stage.frozen_encoder_norms and part_of(name) == "encoder")
            module.train(_learns(name, stage) and not frozen)


def memory_of(optimiser: torch.optim.Optimizer, network: nn.Module) -> dict[str, Tensor]:
    """What the optimiser remembers, as tensors named PARAMETER/KEY."""
    return {
        f"{name}/{key}": value
        for name, parameter in network.named_parameters()
        for key, value in optimiser.state.get(parameter, {}).items()
    }


def remember(optimiser: torch.optim.Optimizer, network: nn.Module, memory: dict[str, Tensor]) -> None:
    """Give the optimiser back what memory_of took from it; raises TrainingError if it is of another network."""
    parameters = dict(network.named_parameters())
    optimiser.state.clear()
    for name, tensor in memory.items():
        owner, _, key = name.rpartition("/")
        if owner not in parameters:
            raise TrainingError(f"the optimiser's memory is of another network: there is no {owner!r} in this one")
        parameter = parameters[owner]
        kept: Any = tensor.clone()
        if tensor.shape == parameter.shape:  # in the parameter's own layout, which channels_last changes
            kept = torch.empty_like(parameter, requires_grad=False).copy_(tensor)
        optimiser.state[parameter][key] = kept


def _learns(name: str, stage: Stage) -> bool:
    rate: float = getattr(stage.rates, part_of(name))
    return rate > 0
