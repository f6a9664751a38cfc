"""PyTorch, on the processor or a GPU: the reference that every other backend is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.backends.base import Backend, Memory
from rimlight.errors import BackendError, MissingExtraError
from rimlight.types import FloatArray, Size

try:
    import torch
except ImportError as error:
    raise MissingExtraError("the torch backend", "PyTorch", "torch") from error

from rimlight.model.weights import load_network


class TorchBackend(Backend):
    """State: keys and values (1, S, C, h/16, w/16) on the device.

    weights: a file of them, the shipped ones by default. network: with these; place: the device that it is on.
    """

    name = "torch"

    def __init__(
        self, size: Size, batch: int = 1, device: str = "cpu", threads: int | None = None, weights: Path | None = None
    ) -> None:  # fmt: skip
        super().__init__(size, batch)
        if device != "cpu" and not torch.cuda.is_available():
            raise BackendError(f"device {device!r} was asked for, but PyTorch sees no GPU; use --device cpu")
        if threads:
            torch.set_num_threads(threads)
        self.place = torch.device(device)
        self.network = load_network(weights).to(self.place)

    @property
    def device(self) -> str:
        where = torch.cuda.get_device_name() if self.place.type == "cuda" else "CPU"
        return f"PyTorch {torch.__version__} on {where}, float32"

    def empty_memory(self) -> Memory:
        return Memory(self.network.empty_memory(1, self.size.height, self.size.width))

    def _call(
        self, images: FloatArray, state: Any, own: Sequence[float]
    ) -> tuple[FloatArray, FloatArray, Any]:  # fmt: skip
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(images))[None].to(self.place)
            out = self.network(batch, *state, torch.tensor([list(own)], device=self.place))
            return out.scale[0].cpu().numpy(), out.offset[0].cpu().numpy(), (out.keys, out.values)
