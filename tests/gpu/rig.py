"""A full-resolution pass with a network that says what a test wants, beside the same on the processor.

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rimlight.compose import Backing, Compositor, EdgeOptions, adjust_edges, blurred, low_alpha
from rimlight.gpu.driver import Driver
from rimlight.gpu.layout import Form, form_of, unpack
from rimlight.gpu.passes import FramePass, Maps
from rimlight.gpu.resources import Module
from rimlight.pixels import Shrinker
from rimlight.realtime.session import empty_pixels
from rimlight.types import I420, Coefficients, FloatArray, Pixels, Size, UInt8Array

WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Painted:
    """A finished picture with the status that came down with it."""

    picture: Pixels
    number: int
    not_finite: int


class Rig:
    """A FramePass with maps of its own for every place."""

    def __init__(self, driver: Driver, kernels: Module, full: Size, small: Size) -> None:
        self.driver, self.full, self.small = driver, full, small
        self.stream = driver.stream()
        self.passes = FramePass(driver, kernels, full, small, self.stream)
        cells = small.height * small.width
        self._sizes = (12 * cells, 16, 16 * cells, 16 * cells)  # images, own, scale, offset
        self._buffers = [[driver.buffer(size) for size in self._sizes] for _ in range(FramePass.RING)]
        self.maps = [Maps(*(buffer.address for buffer in buffers)) for buffers in self._buffers]

    def matte(self, place: int, pixels: Pixels, number: int = 1, own: float = 0.0) -> None:
        """What is queued before the network."""
        self.passes.load(place, pixels, number, own)
        self.passes.upload(place)
        self.passes.shrink(place, self.maps[place])

    def say(self, place: int, coefficients: Coefficients) -> None:
        """What the network would write."""
        for index, array in ((2, coefficients.scale), (3, coefficients.offset)):
            pinned = self.driver.pinned(array.nbytes)
            pinned.array.view(np.float32)[:] = array.reshape(-1)
            self.driver.upload(self._buffers[place][index], pinned, self.stream)
            self.driver.wait(self.stream, WAIT_S)

    def read(self, place: int, index: int) -> FloatArray:
        """A flat copy of images (0), own (1), scale (2) or offset (3) of a place."""
        pinned = self.driver.pinned(self._sizes[index])
        self.driver.download(pinned, self._buffers[place][index], self.stream)
        self.driver.wait(self.stream, WAIT_S)
        return pinned.array.view(np.float32).copy()

    def images(self, place: int) -> FloatArray:
        """(3, h, w) as the network would see it."""
        return self.read(place, 0).reshape(3, self.small.height, self.small.width)

    def paint(self, place: int, behind: Backing, form: Form, edges: EdgeOptions | None = None, **more: Any) -> Painted:
        """The finished picture of a place, and its status."""
        self.passes.paint(place, self.maps[place], behind, edges or EdgeOptions(), form, **more)
        room = self.passes.downloaded(form, WAIT_S)
        out = empty_pixels(self.full, form)
        unpack(room, out)
        number, not_finite = (int(word) for word in room[-8:].view("<u4"))
        return Painted(out, number, not_finite)

    def close(self) -> None:
        self.passes.close()
        for buffers in self._buffers:
            for buffer in buffers:
                self.driver.free(buffer)
        self.driver.free(self.stream)


def expected(
    full: Size, pixels: Pixels, coefficients: Coefficients, behind: Backing, form: Form, edges: EdgeOptions,
    blur: float | None = None,
) -> Pixels:  # fmt: skip
    """The same picture made by the processor's path."""
    seen = Shrinker(full, coefficients.size)(pixels)
    if blur is not None:
        behind = blurred(seen, low_alpha(coefficients, seen), blur)
    out = empty_pixels(full, form)
    adjusted = adjust_edges(coefficients, seen, full, edges)
    compositor = Compositor(full, coefficients.size)
    compositor.compose(pixels, adjusted, behind, out, decontaminate=edges.decontaminate)
    return out


def apart(one: Pixels, other: Pixels) -> int:
    """Largest difference in grey levels between two pictures of one form."""
    assert form_of(one) == form_of(other)
    return max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(parts(one), parts(other), strict=True))


def parts(pixels: Pixels) -> list[UInt8Array]:
    return [pixels.y, pixels.u, pixels.v] if isinstance(pixels, I420) else [pixels]


def plain(small: Size, alpha: float) -> Coefficients:
    """Coefficients of that alpha everywhere, and the frame as foreground."""
    scale, offset = np.zeros((2, 4, small.height, small.width), np.float32)
    scale[:3], offset[3] = 1, alpha
    return Coefficients(scale, offset)


def wild(small: Size, seed: int = 1) -> Coefficients:
    """Smooth enough to be plausible, wild enough that both clamps bite."""
    random = np.random.default_rng(seed)
    shape = (4, small.height, small.width)
    return Coefficients(
        random.normal(0.6, 0.5, shape).astype(np.float32), random.normal(0.1, 0.4, shape).astype(np.float32)
    )
