"""rimlight as one of the matters that are compared: the same parts as a live stream, called frame by frame.

Letters: H, W height and width.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rimlight.backends import BACKENDS, installed
from rimlight.compose import Compositor
from rimlight.errors import BackendError, MissingExtraError
from rimlight.realtime.backdrops import Picture
from rimlight.realtime.session import Matter, Painter, Settings
from rimlight.types import FloatArray, Frame, Size, UInt8Array, check_image

NAME = "rimlight"
FRAME_S = 1 / 30


@dataclass(frozen=True, slots=True)
class TrainedSettings(Settings):
    """Those of a stream whose network has other weights than the shipped ones."""

    weights: Path | None = None

    def backend_options(self) -> dict[str, Any]:
        return {"device": self.device, "threads": self.threads, "weights": self.weights}


class Ours:
    """Opened for a size, then `matte` or `composite`, one call a frame.

    name: "rimlight", or "rimlight-onnx" where a backend is named, or "rimlight RUN" where weights are, which PyTorch
    runs as they are. Raises BackendError for an unknown backend, MissingExtraError where its runtime is not installed;
    open() and frames raise WeightsError for weights that do not fit.
    """

    def __init__(
        self, backend: str = "auto", device: str = "cpu", long_side: int = 512, weights: Path | None = None
    ) -> None:
        if weights is None:
            self.name = NAME if backend == "auto" else f"{NAME}-{backend}"
            self._settings = Settings(backend, device=device, long_side=long_side)
        else:
            self.name = f"{NAME} {run_of(weights)}"
            self._settings = TrainedSettings("torch", device=device, long_side=long_side, weights=weights)
        check_backend(self._settings.backend)
        self._matter: Matter | None = None
        self._ran = "not opened"
        self._frames = 0
        self._cut = True

    @property
    def device(self) -> str:
        """Runtime, processor and precision that really ran."""
        return (self._matter.device if self._matter else "") or self._ran

    def open(self, size: Size, threads: int = 2) -> None:
        """Make ready for frames of this size, with so many threads for the network."""
        self.close()
        self._matter = Matter(replace(self._settings, threads=threads))
        self._size = size
        self._compositor: Compositor | None = None
        self._painter: Painter | None = None
        self.reset()

    def reset(self) -> None:
        """The next frame does not continue the one before."""
        self._cut = True

    def matte(self, image: UInt8Array) -> tuple[FloatArray, UInt8Array | None]:
        """alpha (H, W) float32 0..1 and foreground (H, W, 3) uint8 of the next frame (H, W, 3) uint8 RGB."""
        (matted,) = self._opened().matte([self._frame(image)])
        if self._compositor is None:
            self._compositor = Compositor(self._size, matted.coefficients.size)
        found = self._compositor.matte(image, matted.coefficients)
        return found.alpha, found.foreground

    def composite(self, image: UInt8Array, backdrop: UInt8Array) -> UInt8Array:
        """The next frame before a picture (H, W, 3), the same in all calls, in a buffer used again 4 calls later."""
        if self._painter is None:
            self._painter = Painter(self._opened().settings, Picture(backdrop), "rgb")
        (matted,) = self._opened().matte([self._frame(image)])
        painted = self._painter.paint(matted).pixels
        assert isinstance(painted, np.ndarray)  # as "rgb" was asked for
        return painted

    def close(self) -> None:
        """Free the network."""
        if self._matter is not None:
            self._ran = self.device
            self._matter.close()
        self._matter = None

    def _opened(self) -> Matter:
        if self._matter is None:
            raise BackendError(f"expected {self.name} to be opened first; call open(size)")
        return self._matter

    def _frame(self, image: UInt8Array) -> Frame:
        cut, self._cut = self._cut, False
        self._frames += 1
        return Frame(check_image(image), self._frames * FRAME_S, time.perf_counter(), cut)


def run_of(weights: Path) -> str:
    """A short name for a file of weights: its own, or its folder's where it has the name that training gives to all."""
    return weights.absolute().parent.name if weights.stem == "weights" else weights.stem


def check_backend(name: str) -> None:
    """Raise BackendError for an unknown backend, MissingExtraError for a missing one, before minutes have passed."""
    if name == "auto":
        return
    if name not in BACKENDS:
        raise BackendError(f"no backend {name!r}; there are auto, {', '.join(BACKENDS)}")
    if not installed(name):
        raise MissingExtraError(f"the {name} backend", BACKENDS[name][2], BACKENDS[name][3])
