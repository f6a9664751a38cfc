"""RVM in half precision on a GPU, the way its authors measured it: tensor in, foreground and alpha out, nothing else.

Letters: B streams, H, W size of the frame.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rimlight.benchmarks.gpu.onnx_torch import OnnxNetwork
from rimlight.benchmarks.peers.rvm import STATES, downsample_ratio
from rimlight.types import Size


class RvmOnDevice:
    """Its published graph run by PyTorch, for B streams at once, with the recurrent states in place.

    images (B, 3, H, W): to be filled by the caller. foreground (B, 3, H, W), alpha (B, 1, H, W): of the last call.
    """

    def __init__(self, path: Path, size: Size, streams: int, device: torch.device, dtype: torch.dtype) -> None:
        self._network = OnnxNetwork(path, device, dtype)
        self._ratio = np.array([downsample_ratio(size)], np.float32)
        shape = (streams, 3, size.height, size.width)
        self.images = torch.zeros(shape, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
        nothing = {name: torch.zeros((1, 1, 1, 1), device=device, dtype=dtype) for name in STATES}
        first = self._run(nothing)
        self._states = {name: torch.zeros_like(first[_after(name)]) for name in STATES}
        self.foreground, self.alpha = first["fgr"], first["pha"]

    def step(self) -> None:
        """Mat the images; the states go on to the next call."""
        found = self._run(self._states)
        self.foreground, self.alpha = found["fgr"], found["pha"]
        for name, state in self._states.items():
            state.copy_(found[_after(name)])

    def _run(self, states: dict[str, Tensor]) -> dict[str, Tensor]:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
            return self._network({"src": self.images, "downsample_ratio": self._ratio, **states})


def _after(name: str) -> str:
    """The output that a state's input gets at the next frame."""
    return name.replace("i", "o")
