"""Which network a config trains, with its losses and its start: all that tells the live one and the studio's apart."""

from __future__ import annotations

import torch
from torch import nn

from rimlight.model.network import MattingNetwork
from rimlight.model.studio.matting import VideoMatting
from rimlight.model.studio.propagation import TrimapPropagation
from rimlight.training import start, task
from rimlight.training.config import Config
from rimlight.training.sources import Batches
from rimlight.training.studio import start as studio_start
from rimlight.training.studio import tasks
from rimlight.training.studio.marked import Marked


def network_of(config: Config) -> nn.Module:
    """The config's network with random weights drawn from its seed; the caller's random numbers stay as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if config.studio is None:
            return MattingNetwork(config.model)
        return TrimapPropagation(config.studio) if config.studio.job == "propagation" else VideoMatting(config.studio)


def begin(network: nn.Module, config: Config) -> str:
    """Fill the network by config.init and say from what; raises WeightsError."""
    if isinstance(network, MattingNetwork):
        return start.begin(network, config.init)
    return studio_start.begin(network, config.init)


def task_of(network: nn.Module, in_bfloat16: bool) -> nn.Module:
    """The network with its losses."""
    if isinstance(network, TrimapPropagation):
        return tasks.PropagationTask(network, in_bfloat16)
    if isinstance(network, VideoMatting):
        return tasks.MattingTask(network, in_bfloat16)
    assert isinstance(network, MattingNetwork)
    return task.Task(network, in_bfloat16)


def losses_of(config: Config) -> tuple[str, ...]:
    """Names of the config's losses, in the order of the log."""
    if config.studio is None:
        return task.NAMES
    return tasks.OF_PROPAGATION if config.studio.job == "propagation" else tasks.OF_MATTING


def compile_parts(network: nn.Module) -> None:
    """Compile the heavy parts; the guided filter's padding, compiled, fails in channels_last (PyTorch 2.13)."""
    heavy = ("backbone", "decoder", "encoder", "reference", "target")
    for name, part in network.named_children():
        if name in heavy:
            part.compile()


def marked(batches: Batches, config: Config, rank: int = 0, world: int = 1) -> Batches:
    """The source of batches as the config's network wants them: with trimaps for the studio's."""
    return batches if config.studio is None else Marked(batches, config, rank, world)
