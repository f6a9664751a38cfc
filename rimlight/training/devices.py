"""Where training runs: one process with plain PyTorch, or several under torchrun through Lightning Fabric."""

from __future__ import annotations

import importlib
import os
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rimlight.errors import MissingExtraError, TrainingError


class Worker(Protocol):
    """One process of a run: its device, and what it says to the others."""

    device: torch.device
    rank: int  # 0 writes logs and checkpoints
    world: int  # processes in all

    def prepare(self, network: nn.Module) -> nn.Module:
        """The network on the device, its batch norms over all processes where they can be."""

    def wrap(self, task: nn.Module) -> nn.Module:
        """The task, such that backward averages gradients over all processes."""

    def backward(self, loss: Tensor) -> None:
        """Gradients of a loss of the wrapped task."""

    def mean(self, values: Tensor) -> Tensor:
        """The mean of a tensor over all processes, in each of them."""

    def close(self) -> None:
        """Leave the others."""


class Alone:
    """The only process."""

    rank, world = 0, 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def prepare(self, network: nn.Module) -> nn.Module:
        return network.to(self.device)

    def wrap(self, task: nn.Module) -> nn.Module:
        return task

    def backward(self, loss: Tensor) -> None:
        torch.autograd.backward(loss)

    def mean(self, values: Tensor) -> Tensor:
        return values

    def close(self) -> None:
        """Nobody to leave."""


class Several:
    """A process of those that torchrun started; Lightning Fabric sets up their group and averages gradients.

    On GPUs batch norms count over all processes, so that a run is that of one process with the whole batch. On
    processors each counts its own share, for PyTorch has no such batch norm there, and the first one's statistics are
    kept: freeze them (Stage.frozen_norms) where runs are to be the same.
    """

    def __init__(self, kind: str) -> None:
        try:
            fabric = importlib.import_module("lightning_fabric")
        except ImportError as error:
            raise MissingExtraError("training in several processes", "lightning-fabric", "train") from error
        local = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"]))
        nodes = int(os.environ["WORLD_SIZE"]) // local
        # Precision is the task's own affair, so Fabric leaves numbers as they are.
        self._fabric: Any = fabric.Fabric(
            accelerator=kind, devices=local, num_nodes=nodes, strategy="ddp", precision="32-true"
        )
        self._fabric.launch()
        self.device: torch.device = self._fabric.device
        self.rank: int = self._fabric.global_rank
        self.world: int = self._fabric.world_size

    def prepare(self, network: nn.Module) -> nn.Module:
        if self.device.type == "cuda":  # PyTorch has no batch norm over several processes for processors
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return network.to(self.device)

    def wrap(self, task: nn.Module) -> nn.Module:
        wrapped: nn.Module = self._fabric.setup_module(task, move_to_device=False)
        return wrapped

    def backward(self, loss: Tensor) -> None:
        self._fabric.backward(loss)

    def mean(self, values: Tensor) -> Tensor:
        averaged: Tensor = self._fabric.all_reduce(values, reduce_op="mean")
        return averaged

    def close(self) -> None:
        torch.distributed.destroy_process_group()


def open_worker(device: str = "auto") -> Worker:
    """This process's part in training.

    device: "auto" (the GPU if there is one), "cpu", "cuda", "cuda:1", "mps". Under torchrun, which sets WORLD_SIZE, one
    of several; every process takes the GPU of its own number there.
    Raises TrainingError for a device that is not here, MissingExtraError for several processes without Lightning
    Fabric.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = _checked(device)
    if "WORLD_SIZE" in os.environ:
        return Several(chosen.type)
    return Alone(chosen)


def computes_in_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether a config's precision means bfloat16 on a device.

    "auto" does on GPUs that have it. On processors it does not: there float32 is what tests can compare.
    """
    if precision != "auto":
        return precision == "bfloat16"
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


def _checked(device: str) -> torch.device:
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f"cannot train on device {device!r}: {reason}; use auto, cpu, cuda or cuda:N") from error
    return chosen
