"""The studio's networks in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from rimlight.model.studio.matting import Features, VideoMatting, window_of
from rimlight.model.studio.propagation import Reference, TrimapPropagation
from rimlight.studio.networks import numbers
from rimlight.types import FloatArray


class TorchPropagator:
    """Trimap propagation."""

    def __init__(self, network: TrimapPropagation, device: torch.device) -> None:
        self._network, self._device = network.to(device), device

    @torch.inference_mode()
    def remember(self, image: FloatArray, trimap: FloatArray) -> Reference:
        return self._network.remember(_tensor(image, self._device), _tensor(trimap, self._device))

    @torch.inference_mode()
    def classes(self, image: FloatArray, reference: Reference) -> FloatArray:
        logits: Tensor = self._network(_tensor(image, self._device), reference)
        return _array(logits.softmax(1)[0], "trimap")


class TorchMatter:
    """The matting network. Features wait in float16 and pictures in bytes; the network itself reckons in float32."""

    def __init__(self, network: VideoMatting, device: torch.device) -> None:
        self._network, self._device = network.to(device), device
        self.radius = network.config.radius

    def window(self, frame: int, count: int) -> Sequence[int]:
        return window_of(frame, count, self.radius)

    @torch.inference_mode()
    def look(self, image: FloatArray, trimap: FloatArray) -> Features:
        seen = self._network.look(_tensor(image, self._device), _tensor(trimap, self._device))
        full, *maps = seen
        return Features((full * 255).round().byte(), *(one.half() for one in maps))

    @torch.inference_mode()
    def alpha(self, window: Sequence[Features]) -> FloatArray:
        whole: dict[int, Features] = {}
        for one in window:  # mirrored ends have a frame twice
            full, *maps = one
            whole.setdefault(id(one), Features(full.float() / 255, *(kept.float() for kept in maps)))
        alpha: Tensor = self._network([whole[id(one)] for one in window])
        return _array(alpha[0, 0], "matting")


def _tensor(array: FloatArray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))[None].to(device)


def _array(tensor: Tensor, job: str) -> FloatArray:
    return numbers(cast(FloatArray, tensor.float().cpu().numpy()), job)
