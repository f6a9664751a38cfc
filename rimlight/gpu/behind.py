"""What stands behind the person, on the device: uploaded when it is new, or made from the scene (compose.blurred).

Letters: h, w internal size; r, q those of the reduced maps that the blur works on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from rimlight.compose import Backing
from rimlight.gpu.edges import radius_of
from rimlight.gpu.launching import Launcher, at
from rimlight.gpu.layout import HEADER_BYTES, pack_upload, picture_bytes
from rimlight.gpu.resources import Buffer, Event, Pinned
from rimlight.types import I420, FloatArray, Pixels, Size

TIMEOUT_S = 10.0
COARSE_SIGMA = 8  # from here on compose.blurred works on half the size


@dataclass(frozen=True, slots=True)
class Shown:
    """What a pass is to put behind: a sharp picture with its header, soft (h, w) of four float32, or neither."""

    sharp: Buffer | None = None
    soft: Buffer | None = None


class Behind:
    """Backdrops for frames of one size with maps of one internal size."""

    def __init__(self, launcher: Launcher, full: Size, small: Size) -> None:
        self._launcher = launcher
        self._full, self._small = full, small
        self._cells = small.height * small.width
        self._pinned: dict[str, tuple[Pinned, Event]] = {}

    def given(self, backing: Backing, fresh: bool) -> Shown:
        """An array of the host's; only where it is fresh it is looked at and uploaded."""
        if backing is None:
            return Shown()
        if isinstance(backing, I420) or backing.dtype == np.uint8:
            return Shown(sharp=self._sharp(cast(Pixels, backing), fresh))
        return Shown(soft=self._soft(cast(FloatArray, backing), fresh))

    def scene(self, images: int, alpha: Buffer, strength: float) -> Shown:
        """The scene without the person, blurred; images (3, h, w) at an address, alpha (h, w)."""
        launcher, height, width = self._launcher, self._small.height, self._small.width
        sigma = float((0.01 + 0.07 * strength) * max(height, width))
        factor = 2 if sigma >= COARSE_SIGMA else 1
        reduced = Size(height // factor, width // factor)
        sides, taps = (reduced.height, reduced.width), (sigma / factor, radius_of(sigma / factor))
        first, second, sums, soft = (
            launcher.room(name, 16 * self._cells) for name in ("first", "second", "sums", "scene")
        )
        launcher.over(reduced, "weigh", at(images), alpha, first, height, width, factor)
        launcher.over(reduced, "smooth_lines", first, second, sums, *sides, *taps)
        launcher.over(reduced, "smooth_columns", second, sums, first, *sides, *taps)
        launcher.over(self._small, "stretch", first, soft, *sides, height, width)
        return Shown(soft=soft)

    def close(self) -> None:
        """Free what is here; the launcher frees the rest."""
        for _, sent in self._pinned.values():
            self._launcher.driver.free(sent)
        self._pinned.clear()

    def _sharp(self, picture: Pixels, fresh: bool) -> Buffer:
        room_bytes = HEADER_BYTES + picture_bytes(self._full, "rgb")
        there = self._launcher.room("sharp", room_bytes)
        if fresh:
            pinned = self._writable("sharp", room_bytes)
            self._send("sharp", there, pack_upload(picture, pinned.array))
        return there

    def _soft(self, planes: FloatArray, fresh: bool) -> Buffer:
        there = self._launcher.room("soft", 16 * self._cells)
        if fresh:
            pinned = self._writable("soft", 12 * self._cells)
            pinned.array.view(np.float32)[:] = planes.reshape(-1)
            came = self._launcher.room("planes", 12 * self._cells)
            self._send("soft", came, pinned.size_bytes)
            self._launcher.over(self._small, "interleave", came, there, self._small.height, self._small.width)
        return there

    def _writable(self, name: str, size_bytes: int) -> Pinned:
        """Page-locked memory from which nothing is on its way any more."""
        driver = self._launcher.driver
        if name not in self._pinned:
            self._pinned[name] = (driver.pinned(size_bytes), driver.event())
        pinned, sent = self._pinned[name]
        driver.wait_event(sent, TIMEOUT_S)
        return pinned

    def _send(self, name: str, to: Buffer, size_bytes: int) -> None:
        pinned, sent = self._pinned[name]
        self._launcher.driver.upload(to, pinned, self._launcher.stream, size_bytes)
        self._launcher.driver.record(sent, self._launcher.stream)
