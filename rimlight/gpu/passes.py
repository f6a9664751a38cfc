"""Frames of one size to finished pictures on the device: what comes before and after the network.

A uint8 frame goes up once, with a header that says its number, form and colours; the finished picture comes down once,
with a status behind it. In between are kernels of this package (`kernels/`), which compute what rimlight.pixels and
rimlight.compose do on the host.

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

from dataclasses import dataclass

from rimlight.compose import Backing, EdgeOptions
from rimlight.gpu.behind import TIMEOUT_S, Behind
from rimlight.gpu.driver import Driver
from rimlight.gpu.edges import Edges, Maps
from rimlight.gpu.launching import Launcher, at
from rimlight.gpu.layout import (
    HEADER_BYTES,
    STATUS_BYTES,
    Form,
    pack_upload,
    picture_bytes,
    room_bytes,
    status_offset,
)
from rimlight.gpu.resources import Buffer, Event, Module, Pinned, Stream
from rimlight.pixels import to_rgb
from rimlight.types import I420, Pixels, Size, UInt8Array

__all__ = ["FramePass", "Maps"]

RUN = 4  # columns of one thread of the pass; and two lines (kernels/picture.h)


@dataclass(slots=True)
class _Place:
    """Where one frame lies, on the host and on the device; sent happens when it is up."""

    pinned: Pinned
    frame: Buffer
    sent: Event
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Target:
    """A finished picture with its status, on the device and on the host; came happens when it is down."""

    picture: Buffer
    pinned: Pinned
    came: Event


class FramePass:
    """The kernels around a network, with the memory for RING frames on their way.

    A frame has a place, 0 to RING - 1, from `load` to the last `paint`. For one frame: load, upload, shrink, the
    network, paint, downloaded. Everything is queued on the one stream; only load and downloaded wait. shrink alone may
    be recorded in a graph, since what changes from frame to frame is in the header that goes up.
    """

    RING = 4

    def __init__(self, driver: Driver, module: Module, full: Size, small: Size, stream: Stream) -> None:
        self.full, self.small = full, small
        self._driver, self._stream = driver, stream
        self._launcher = Launcher(driver, module, stream)
        self._edges, self._behind = Edges(self._launcher, full, small), Behind(self._launcher, full, small)
        self._marks = driver.buffer(self.RING * STATUS_BYTES)
        self._places = [self._new_place() for _ in range(self.RING)]
        self._targets: dict[Form, _Target] = {}

    def load(self, place: int, pixels: Pixels, number: int, own: float) -> None:
        """Copy a frame (H, W, 3) or I420 to page-locked memory, with its number and the network's input `own`.

        Waits until what this place sent up before is there; raises BackendError when that takes too long.
        """
        there = self._places[place]
        self._driver.wait_event(there.sent, TIMEOUT_S)
        picture = pixels if isinstance(pixels, I420) else to_rgb(pixels)
        there.size_bytes = pack_upload(picture, there.pinned.array, number, own)

    def upload(self, place: int) -> None:
        """Queue the one upload of a loaded frame."""
        there = self._places[place]
        self._driver.upload(there.frame, there.pinned, self._stream, there.size_bytes)
        self._driver.record(there.sent, self._stream)

    def shrink(self, place: int, maps: Maps) -> None:
        """Queue the network's inputs from an uploaded frame: images and own; scale and offset are filled with NaN."""
        self._launcher.over(
            self.small, "shrink", self._places[place].frame, self.full.height, self.full.width, self.small.height,
            self.small.width, at(maps.images), at(maps.own), at(maps.scale), at(maps.offset), at(self._mark(place)),
        )  # fmt: skip

    def paint(
        self, place: int, maps: Maps, behind: Backing, edges: EdgeOptions, form: Form,
        *, fresh: bool = True, blur: float | None = None,
    ) -> None:  # fmt: skip
        """Queue the finished picture of a frame whose coefficients are there, and its one download.

        behind: a sharp picture (H, W, 3) or I420, a soft one (3, h, w), or None for the foreground; with fresh False it
        is the one that was uploaded last. blur: the strength of a backdrop made from the scene instead.
        """
        target = self._target(form)
        if blur is None:
            shown = self._behind.given(behind, fresh)
        else:
            shown = self._behind.scene(maps.images, self._edges.alpha(maps), blur)
        model = self._edges.prepare(maps, edges, self._mark(place))
        status = at(target.picture.address + status_offset(self.full, form))
        threads = Size(-(-self.full.height // 2), -(-self.full.width // RUN))
        self._launcher.over(
            threads, f"paint_{form}", self._places[place].frame, shown.sharp, shown.soft, model, at(self._mark(place)),
            int(edges.decontaminate), self.full.height, self.full.width, self.small.height, self.small.width,
            target.picture, status,
        )  # fmt: skip
        self._driver.download(target.pinned, target.picture, self._stream)
        self._driver.record(target.came, self._stream)

    def downloaded(self, form: Form, timeout_s: float = TIMEOUT_S) -> UInt8Array:
        """Wait for the last paint in that form: (room_bytes,) of picture, padding and status (see layout).

        Valid until the next paint in that form. Raises BackendError when the device takes too long.
        """
        target = self._targets[form]
        self._driver.wait_event(target.came, timeout_s)
        return target.pinned.array

    def close(self) -> None:
        """Free all that is here; maps, stream and driver are the caller's."""
        self._behind.close()
        self._launcher.close()
        self._driver.free(self._marks)
        for place in self._places:
            self._driver.free(place.frame)
            self._driver.free(place.sent)
        for target in self._targets.values():
            self._driver.free(target.picture)
            self._driver.free(target.came)
        self._places.clear()
        self._targets.clear()

    def _mark(self, place: int) -> int:
        """Address of two words on the device: the number of the place's frame, and the count of what is no number."""
        return self._marks.address + place * STATUS_BYTES

    def _new_place(self) -> _Place:
        size_bytes = HEADER_BYTES + picture_bytes(self.full, "rgb")
        return _Place(self._driver.pinned(size_bytes), self._driver.buffer(size_bytes), self._driver.event())

    def _target(self, form: Form) -> _Target:
        if form not in self._targets:
            size_bytes = room_bytes(self.full, form)
            self._targets[form] = _Target(
                self._driver.buffer(size_bytes), self._driver.pinned(size_bytes), self._driver.event()
            )
        return self._targets[form]
