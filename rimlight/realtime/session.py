"""One stream through the product: frame to coefficients (Matter), coefficients to picture (Painter), both (Session).

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rimlight.backends import Backend, Memory, open_backend
from rimlight.compose import NO_ALPHA, Compositor, EdgeOptions, adjust_edges
from rimlight.errors import BackendError
from rimlight.pixels import Shrinker, empty_i420
from rimlight.realtime.backdrops import Backdrop, Scene, open_backdrop
from rimlight.realtime.sinks.base import PixelFormat
from rimlight.signature import internal_size
from rimlight.types import Coefficients, FloatArray, Frame, Matte, Pixels, Size

IN_FLIGHT = 4  # pictures that stages may hold at once; not more than Backend.RING calls
CHANNELS = {"rgb": 3, "rgba": 4}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a stream is matted and painted.

    backend: a name or "auto". device: "cpu", "cuda" …, as the backend knows it. long_side: of the internal size.
    batch: frames per network call (files). threads: of the runtime, None for all processors.
    """

    backend: str = "auto"
    backdrop: str = "blur"
    edges: EdgeOptions = field(default_factory=EdgeOptions)
    device: str = "cpu"
    long_side: int = 512
    batch: int = 1
    threads: int | None = None

    def backend_options(self) -> dict[str, Any]:
        """What open_backend takes besides name and size."""
        if self.backend == "fake":
            return {}
        return {"device": self.device, "threads": self.threads}


@dataclass(frozen=True, slots=True)
class Matted:
    """A frame with what the network says of it; small (3, h, w) is the frame as the network saw it."""

    frame: Frame
    small: FloatArray
    coefficients: Coefficients


class Matter:
    """Frames in order to coefficients; opens the backend at the first frame and again when the internal size changes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.backend: Backend | None = None
        self._memory: Memory | None = None
        self._full: Size | None = None
        self._shrink: Shrinker | None = None
        self._rooms: list[FloatArray] = []
        self._turn = 0

    def matte(self, frames: Sequence[Frame]) -> list[Matted]:
        """Consecutive frames of one size, at most `batch`; results stay valid for IN_FLIGHT calls.

        A frame of another size than the one before counts as a cut. Raises BackendError when the network fails or
        returns numbers that are none.
        """
        cuts = [frame.cut for frame in frames]
        if self._full != frames[0].size:
            self._resize(frames[0].size)
            cuts[0] = True
        assert self.backend is not None and self._shrink is not None
        self._turn = (self._turn + 1) % IN_FLIGHT
        room = self._rooms[self._turn][: len(frames)]
        for frame, small in zip(frames, room, strict=True):
            self._shrink(frame.pixels, small)
        found, self._memory = self.backend.clip(room, self._memory, cuts)
        for coefficients in found:
            check_finite(coefficients)
        return [Matted(*parts) for parts in zip(frames, room, found, strict=True)]

    def _resize(self, full: Size) -> None:
        small = internal_size(full, self.settings.long_side)
        if self.backend is None or self.backend.size != small:
            self.close()
            self.backend = open_backend(
                self.settings.backend, small, self.settings.batch, **self.settings.backend_options()
            )  # fmt: skip
            shape = (self.settings.batch, 3, small.height, small.width)
            self._rooms = [np.zeros(shape, np.float32) for _ in range(IN_FLIGHT)]
        self._memory = None
        self._full = full
        self._shrink = Shrinker(full, small)

    def close(self) -> None:
        """Free the backend."""
        if self.backend is not None:
            self.backend.close()
        self.backend = self._memory = None


class Painter:
    """Coefficients to finished pictures in the pixels a sink wants."""

    def __init__(self, settings: Settings, backdrop: Backdrop, wants: PixelFormat) -> None:
        self.edges = settings.edges
        self.backdrop = backdrop
        self._wants: PixelFormat = wants
        self._compositor: Compositor | None = None
        self._rooms: list[Pixels] = []
        self._turn = 0

    def paint(self, matted: Matted) -> Frame:
        """The frame before its backdrop, or foreground with alpha for "rgba"; valid for IN_FLIGHT calls."""
        frame, small = matted.frame, Size(*matted.small.shape[1:])
        if self._compositor is None or (self._compositor.full_size, self._compositor.small) != (frame.size, small):
            self._compositor = Compositor(frame.size, small)
            self._rooms = [self._room(frame.size) for _ in range(IN_FLIGHT)]
        self._turn = (self._turn + 1) % IN_FLIGHT
        out = self._rooms[self._turn]
        coefficients = adjust_edges(matted.coefficients, matted.small, frame.size, self.edges)
        scene = Scene(frame.pts_s, frame.size, matted.small, matted.coefficients)
        self._compositor.compose(
            frame.pixels, coefficients, self.backdrop.backing(scene), out,
            decontaminate=self.edges.decontaminate, alpha=NO_ALPHA,
        )  # fmt: skip
        return Frame(out, frame.pts_s, frame.captured_s, frame.cut)

    def _room(self, size: Size) -> Pixels:
        if self._wants == "i420":
            return empty_i420(size)
        return np.zeros((size.height, size.width, CHANNELS[self._wants]), np.uint8)


class Session:
    """A stream matted frame by frame in the caller's thread; for loops of your own.

    `matte(frame)` gives alpha and foreground in new arrays; `composite(frame)` the frame before the session's backdrop as
    (H, W, 3) RGB, or (H, W, 4) with straight alpha where the backdrop is "transparent", in a buffer used again
    IN_FLIGHT calls later.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._backdrop = open_backdrop(self.settings.backdrop)
        self._matter = Matter(self.settings)
        self._painter = Painter(self.settings, self._backdrop, "rgba" if self._backdrop.transparent else "rgb")
        self._compositor: Compositor | None = None

    def matte(self, frame: Frame) -> Matte:
        """Alpha (H, W) float32 and foreground (H, W, 3) uint8 of the next frame."""
        (matted,) = self._matter.matte([frame])
        small = matted.coefficients.size
        if self._compositor is None or (self._compositor.full_size, self._compositor.small) != (frame.size, small):
            self._compositor = Compositor(frame.size, small)
        edges = self.settings.edges
        coefficients = adjust_edges(matted.coefficients, matted.small, frame.size, edges)
        return self._compositor.matte(frame.pixels, coefficients, decontaminate=edges.decontaminate)

    def composite(self, frame: Frame) -> Frame:
        """The next frame before the backdrop."""
        (matted,) = self._matter.matte([frame])
        return self._painter.paint(matted)

    def close(self) -> None:
        """Free the backend."""
        self._matter.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_finite(coefficients: Coefficients) -> None:
    """Raise BackendError unless every coefficient is a number; a sum finds any that is not."""
    if not np.isfinite(coefficients.scale.sum() + coefficients.offset.sum()):
        raise BackendError(
            "the network returned numbers that are none (NaN or infinity); nothing of this frame is shown"
        )
