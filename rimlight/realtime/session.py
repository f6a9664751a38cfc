"""One stream through the product: frame to coefficients (Matter), coefficients to picture (Painter), both (Session).

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from rimlight.backends import Backend, Memory, open_backend
from rimlight.backends.device_path import has_device_path, open_device_path
from rimlight.compose import NO_ALPHA, Backing, Compositor, EdgeOptions, adjust_edges
from rimlight.errors import BackendError
from rimlight.pixels import Shrinker, empty_i420, size_of, to_i420
from rimlight.realtime.backdrops import Backdrop, Scene, open_backdrop
from rimlight.realtime.matted import Matted, Seen
from rimlight.realtime.ondevice import MattedOnDevice, OnDevice
from rimlight.realtime.sinks.base import PixelFormat
from rimlight.signature import internal_size
from rimlight.types import I420, Coefficients, FloatArray, Frame, Matte, Pixels, Size

IN_FLIGHT = 4  # pictures that stages may hold at once; not more than Backend.RING calls
MOST_OPEN = 5  # backends kept open, one per internal size: as many as the governor's ladder has sides
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


class OnHost:
    """The network of a stream with everything around it on the host: a backend, its memory, the pictures it sees.

    The memory is never emptied, because that would begin the backend's ring anew under results still in flight; a cut
    makes the network look away from it.
    """

    def __init__(self, backend: Backend) -> None:
        shape = (backend.batch, 3, backend.size.height, backend.size.width)
        self._backend = backend
        self._rooms: list[FloatArray] = [np.zeros(shape, np.float32) for _ in range(IN_FLIGHT)]
        self._turn = 0
        self._shrink: Shrinker | None = None
        self._memory: Memory | None = None
        self._last: FloatArray | None = None  # the newest result; held, or its memory might be given out again

    @property
    def device(self) -> str:
        return self._backend.device

    def matte(self, frames: Sequence[Frame], cuts: Sequence[bool]) -> list[Matted]:
        """Consecutive frames of one size to results that are whole and new; raises BackendError otherwise."""
        if self._shrink is None or self._shrink.full != frames[0].size:
            self._shrink = Shrinker(frames[0].size, self._backend.size)
        self._turn = (self._turn + 1) % IN_FLIGHT
        room = self._rooms[self._turn][: len(frames)]
        for frame, small in zip(frames, room, strict=True):
            self._shrink(frame.pixels, small)
        found, self._memory = self._backend.clip(room, self._memory, cuts)
        for coefficients in found:
            check_finite(coefficients)
        self._check_fresh(found[-1])
        return [Matted(*parts) for parts in zip(frames, room, found, strict=True)]

    def close(self) -> None:
        """Free the backend."""
        self._backend.close()

    def _check_fresh(self, coefficients: Coefficients) -> None:
        """Raise BackendError if this is the result that the call before gave: buffers go round a ring."""
        if self._last is not None and coefficients.offset.ctypes.data == self._last.ctypes.data:
            raise BackendError(
                f"the {self._backend.name} backend gave its last result again; nothing of this frame is shown"
            )
        self._last = coefficients.offset


Opened: TypeAlias = "OnHost | OnDevice"


class Matter:
    """Frames in order to what the network says of them; opens it for each internal size that comes, keeps the last few.

    Frames stay on the device where the backend has a path there, else on the host; what is painted is the same. observe
    is called with every result, in the thread that mats; it keeps no reference to what it is given. settings.batch is 1
    on a device path, which takes frames one by one without waiting for them.
    """

    def __init__(self, settings: Settings, observe: Callable[[Seen], None] | None = None) -> None:
        self._stays = has_device_path(settings.backend, settings.device)  # frames stay on the device
        self.settings = replace(settings, batch=1) if self._stays else settings
        self._observe = observe
        self._long_side = settings.long_side
        self._kept: dict[tuple[Size, Size | None], Opened] = {}  # by internal size, the last used at the end
        self._opened: Opened | None = None
        self._full: Size | None = None

    @property
    def device(self) -> str:
        """Runtime, processor and precision that really run, "" before the first frame."""
        return self._opened.device if self._opened else ""

    def use_long_side(self, long_side: int) -> None:
        """Let the network see the next frames at another long side; the change counts as a cut."""
        if long_side != self._long_side:
            self._long_side, self._full = long_side, None

    def matte(self, frames: Sequence[Frame]) -> Sequence[Seen]:
        """Consecutive frames of one size, either `batch` or one; results stay valid for IN_FLIGHT calls.

        A frame of another size than the one before counts as a cut. Raises BackendError when the network fails or
        returns numbers that are none; on a device path that is known, and raised, when the frame is painted.
        """
        cuts = [frame.cut for frame in frames]
        if self._opened is None or self._full != frames[0].size:
            self._opened = self._resized(frames[0].size)
            cuts[0] = True
        found: Sequence[Seen] = self._opened.matte(frames, cuts)
        if self._observe is not None:
            for one in found:
                self._observe(one)
        return found

    def _resized(self, full: Size) -> Opened:
        small = internal_size(full, self._long_side)
        key = (small, full if self._stays else None)
        opened = self._kept.pop(key, None) or self._open(full, small)
        self._kept[key] = opened
        if len(self._kept) > MOST_OPEN:
            self._kept.pop(next(iter(self._kept))).close()
        self._full = full
        return opened

    def _open(self, full: Size, small: Size) -> Opened:
        settings = self.settings
        path = open_device_path(settings.backend, full, small, **settings.backend_options()) if self._stays else None
        if path is not None:
            return OnDevice(path)
        return OnHost(open_backend(settings.backend, small, settings.batch, **settings.backend_options()))

    def close(self) -> None:
        """Free the network; a frame that comes later opens it again."""
        for opened in self._kept.values():
            opened.close()
        self._kept, self._opened, self._full = {}, None, None


class Painter:
    """What the network says of frames to finished pictures in the pixels a sink wants."""

    def __init__(self, settings: Settings, backdrop: Backdrop, wants: PixelFormat) -> None:
        self.edges = settings.edges
        self.backdrop = backdrop
        self._wants: PixelFormat = wants
        self._compositor: Compositor | None = None
        self._rooms: list[Pixels] = []
        self._turn = 0
        self._sharp: tuple[Backing, I420] | None = None

    def paint(self, seen: Seen, out: Pixels | None = None) -> Frame:
        """The frame before its backdrop, or foreground with alpha for "rgba".

        Painted into out, or into one of the painter's own pictures, which stays valid for IN_FLIGHT calls. Raises
        BackendError, on a device path, when the frame's matte is not whole or not its own; nothing is painted then.
        """
        frame = seen.frame
        out = self._own_room(frame.size) if out is None else out
        if isinstance(seen, MattedOnDevice):
            seen.paint(self.backdrop, self.edges, out)
        else:
            self._paint_here(seen, out)
        return Frame(out, frame.pts_s, frame.captured_s, frame.cut)

    def _paint_here(self, seen: Seen, out: Pixels) -> None:
        frame, small, edges = seen.frame, seen.small, self.edges
        sizes = (frame.size, seen.internal)
        if self._compositor is None or (self._compositor.full_size, self._compositor.small) != sizes:
            self._compositor = Compositor(*sizes)
        coefficients = adjust_edges(seen.coefficients, small, frame.size, edges)
        behind = self._in_form(self.backdrop.backing(Scene(frame.pts_s, frame.size, seen)))
        self._compositor.compose(
            frame.pixels, coefficients, behind, out, decontaminate=edges.decontaminate, alpha=NO_ALPHA
        )

    def _in_form(self, backing: Backing) -> Backing:
        """A sharp backdrop as planes where planes are written, converted once as long as it is the same picture."""
        if self._wants != "i420" or backing is None or isinstance(backing, I420) or backing.dtype != np.uint8:
            return backing
        if self._sharp is None or self._sharp[0] is not backing:
            self._sharp = (backing, to_i420(np.asarray(backing, np.uint8)))
        return self._sharp[1]

    def _own_room(self, size: Size) -> Pixels:
        if not self._rooms or size_of(self._rooms[0]) != size:
            self._rooms = [empty_pixels(size, self._wants) for _ in range(IN_FLIGHT)]
        self._turn = (self._turn + 1) % IN_FLIGHT
        return self._rooms[self._turn]


class Session:
    """A stream matted frame by frame in the caller's thread; for loops of your own.

    `matte(frame)` gives alpha and foreground in new arrays; `composite(frame)` the frame before the session's
    backdrop as (H, W, 3) RGB, or (H, W, 4) with straight alpha where the backdrop is "transparent", in a buffer
    used again IN_FLIGHT calls later.
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
        """Free the backend and the backdrop."""
        self._matter.close()
        self._backdrop.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def empty_pixels(size: Size, wants: PixelFormat) -> Pixels:
    """A picture to be painted, in the pixels a sink wants."""
    if wants == "i420":
        return empty_i420(size)
    return np.zeros((size.height, size.width, CHANNELS[wants]), np.uint8)


def check_finite(coefficients: Coefficients) -> None:
    """Raise BackendError unless every coefficient is a number; a sum finds any that is not."""
    if not np.isfinite(coefficients.scale.sum() + coefficients.offset.sum()):
        raise BackendError(
            "the network returned numbers that are none (NaN or infinity); nothing of this frame is shown"
        )
