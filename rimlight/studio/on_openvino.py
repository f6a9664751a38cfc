"""The studio's networks on the processor by OpenVINO: what PyTorch's say, several times as fast.

A network is traced once for every size of picture that it gets; sizes are few: one of propagation, one of tiles, one
of previews. Letters: H, W size of a picture.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rimlight.backends.openvino_import import ov
from rimlight.backends.openvino_network import core
from rimlight.model.studio.config import STRIDES, StudioConfig
from rimlight.model.studio.matting import Features, VideoMatting, window_of
from rimlight.model.studio.propagation import Reference, TrimapPropagation
from rimlight.studio.networks import numbers
from rimlight.types import FloatArray

Array = npt.NDArray[Any]
Precision = Literal["bf16", "f32"]


class OpenVinoPropagator:
    """Trimap propagation."""

    def __init__(self, network: TrimapPropagation, precision: Precision, threads: int) -> None:
        self._remember = _Compiled(_Remember(network), precision, threads)
        self._classes = _Compiled(_Classes(network), precision, threads)

    def remember(self, image: FloatArray, trimap: FloatArray) -> tuple[Array, ...]:
        return self._remember(image[None], trimap[None])

    def classes(self, image: FloatArray, reference: tuple[Array, ...]) -> FloatArray:
        return numbers(self._classes(image[None], *reference)[0][0], "trimap")


class OpenVinoMatter:
    """The matting network. Features wait in float16 and pictures in bytes, as PyTorch's do."""

    def __init__(self, network: VideoMatting, precision: Precision, threads: int) -> None:
        self.radius = network.config.radius
        self._wanted = _wanted(network.config)
        self._look = _Compiled(_Look(network), precision, threads)
        self._alpha = _Compiled(_Alpha(network, self._wanted), precision, threads)

    def window(self, frame: int, count: int) -> Sequence[int]:
        return window_of(frame, count, self.radius)

    def look(self, image: FloatArray, trimap: FloatArray) -> tuple[Array, ...]:
        full = (np.concatenate([image, trimap]) * np.float32(255)).round().astype(np.uint8)
        return (full[None], *self._look(image[None], trimap[None]))

    def alpha(self, window: Sequence[tuple[Array, ...]]) -> FloatArray:
        return numbers(self._alpha(*(window[at][level] for at, level in self._wanted))[0][0, 0], "matting")


def processor_precision() -> Precision:
    """What a processor does fastest: bfloat16 where it has it, else float32."""
    return "bf16" if "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def can_run(config: StudioConfig) -> bool:
    """Whether OpenVINO can: optical flow is OpenCV's, and in no graph."""
    return config.align != "flow"


class _Compiled:
    """A part of a network, compiled for each size when it is first called with it; threads take turns."""

    def __init__(self, part: nn.Module, precision: Precision, threads: int) -> None:
        self._part = part.eval()
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads,
            "ENABLE_CPU_PINNING": False,
        }  # fmt: skip
        self._requests: dict[tuple[tuple[int, ...], ...], Any] = {}
        self._turn = threading.Lock()

    def __call__(self, *arrays: Array) -> tuple[Array, ...]:
        shapes = tuple(array.shape for array in arrays)
        with self._turn:
            if shapes not in self._requests:
                self._requests[shapes] = self._compiled(arrays)
            found = self._requests[shapes].infer([np.ascontiguousarray(array) for array in arrays], share_inputs=True)
            return tuple(found[index] for index in range(len(found)))

    @torch.no_grad()
    def _compiled(self, arrays: Sequence[Array]) -> Any:
        example = tuple(torch.from_numpy(array.copy()) for array in arrays)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer's own deprecations
            traced = torch.jit.freeze(torch.jit.trace(self._part, example, check_trace=False))  # type: ignore[no-untyped-call]
            model = ov.convert_model(traced, example_input=example, input=[list(array.shape) for array in arrays])
        return core().compile_model(model, "CPU", self._settings).create_infer_request()


class _Remember(nn.Module):
    def __init__(self, network: TrimapPropagation) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, trimap: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.remember(image, trimap))


class _Classes(nn.Module):
    def __init__(self, network: TrimapPropagation) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        logits: Tensor = self.network(image, Reference(keys, values))
        return logits.softmax(1)


class _Look(nn.Module):
    def __init__(self, network: VideoMatting) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, trimap: Tensor) -> tuple[Tensor, ...]:
        _, *maps = self.network.look(image, trimap)
        return tuple(one.half() for one in maps)


class _Alpha(nn.Module):
    """Takes the tensors that are wanted, one after the other."""

    def __init__(self, network: VideoMatting, wanted: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self.network, self.wanted = network, wanted

    def forward(self, *tensors: Tensor) -> Tensor:
        levels = [[torch.empty(0)] * len(Features._fields) for _ in range(self.network.config.frames)]
        for (at, level), tensor in zip(self.wanted, tensors, strict=True):
            levels[at][level] = tensor.float() / 255 if level == 0 else tensor.float()
        alpha: Tensor = self.network([Features(*one) for one in levels])
        return alpha


def _wanted(config: StudioConfig) -> list[tuple[int, int]]:
    """Places in the window and in Features of all that alpha is made of: of neighbours only what is fused."""
    middle, fused = config.radius, config.fused if config.fuse != "none" else ()
    neighbours = [at for at in range(config.frames) if at != middle]
    levels = [level for level, stride in enumerate(STRIDES, start=1) if stride in fused]
    return [(middle, level) for level in range(len(Features._fields))] + [
        (at, level) for at in neighbours for level in levels
    ]
