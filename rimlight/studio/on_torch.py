"""The studio's networks in PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from rimlight.errors import BackendError
from rimlight.model.studio.matting import Features, VideoMatting, window_of
from rimlight.model.studio.propagation import Reference, TrimapPropagation
from rimlight.model.studio.weights import load_matting, load_propagation
from rimlight.studio.networks import Networks
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


def open_networks(propagation: Path | None = None, matting: Path | None = None, device: str = "cpu") -> Networks:
    """Both networks with the weights at these paths, or the shipped ones.

    Raises WeightsError where there are none, BackendError for a device that PyTorch does not have.
    """
    place = _device(device)
    carries, mats = load_propagation(propagation), load_matting(matting)
    mark = hashlib.sha256()
    for network in (carries, mats):
        for name, tensor in sorted(network.state_dict().items()):
            mark.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return Networks(TorchPropagator(carries, place), TorchMatter(mats, place), mark.hexdigest()[:16], str(place))


def untrained_networks(device: str = "cpu", threads: int | None = None) -> Networks:
    """Networks of the usual make with weights of chance, for measuring speed, which does not hang on weights.

    threads: of PyTorch in this process, None for all processors.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    place = _device(device)
    carries, mats = TrimapPropagation().eval(), VideoMatting().eval()
    return Networks(TorchPropagator(carries, place), TorchMatter(mats, place), "untrained", str(place))


def _device(name: str) -> torch.device:
    try:
        place = torch.device("cuda" if name == "auto" and torch.cuda.is_available() else name.replace("auto", "cpu"))
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError) as error:
        raise BackendError(f"PyTorch has no device {name!r} here: {str(error).splitlines()[0]}; use cpu") from error
    return place


def _tensor(array: FloatArray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))[None].to(device)


def _array(tensor: Tensor, job: str) -> FloatArray:
    array = cast(FloatArray, tensor.float().cpu().numpy())
    if not np.isfinite(array).all():
        raise BackendError(f"the studio's {job} network returned numbers that are none; are its weights whole?")
    return array
