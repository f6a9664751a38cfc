"""A peer as a whole product: frame in, picture with another backdrop out, alone or in rimlight's own loop.

Peers give a matte and leave the composite to their user. Here each gets the compiled blend of rimlight.benchmarks.blend
and, in the loop, rimlight's decoding thread, queues and stages; so what is compared is the matting, not the plumbing.

Letters: H, W height and width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from rimlight.benchmarks.blend import blend
from rimlight.benchmarks.peers import Peer
from rimlight.benchmarks.planes import planes_of
from rimlight.realtime.session import IN_FLIGHT, Matter, Painter, Settings
from rimlight.realtime.sinks.base import PixelFormat
from rimlight.types import FloatArray, Frame, UInt8Array

HOW = (
    "Peers composite by a compiled blend on all threads, and turn to I420 by OpenCV; in the loop they have the same "
    "decoder thread, queues and stages as rimlight."
)


def composite(peer: Peer, image: UInt8Array, backdrop: UInt8Array, out: UInt8Array) -> UInt8Array:
    """Fill and return out (H, W, 3): the peer's foreground, or the frame where it gives none, before the backdrop."""
    alpha, foreground = peer.matte(image)
    return blend(image if foreground is None else foreground, backdrop, alpha, out)


@dataclass(frozen=True, slots=True)
class Matted:
    """A frame with a peer's matte."""

    frame: Frame
    front: UInt8Array
    alpha: FloatArray


class PeerMatter:
    """What rimlight.realtime.loop asks of a Matter, answered by a peer, which is open already."""

    def __init__(self, peer: Peer) -> None:
        self.settings = Settings(batch=1)
        self._peer = peer

    def matte(self, frames: Sequence[Frame]) -> list[Matted]:
        """The peer's mattes; a cut resets it."""
        found = []
        for frame in frames:
            if frame.cut:
                self._peer.reset()
            image = frame.image
            alpha, foreground = self._peer.matte(image)
            found.append(Matted(frame, image if foreground is None else foreground, alpha))
        return found


class PeerPainter:
    """What the loop asks of a Painter, for a peer: before a picture (H, W, 3), as RGB or I420."""

    def __init__(self, backdrop: UInt8Array, wants: PixelFormat) -> None:
        self._backdrop, self._wants = backdrop, wants
        self._rooms = [np.empty_like(backdrop) for _ in range(IN_FLIGHT)]
        self._turn = 0

    def paint(self, matted: Matted) -> Frame:
        """The finished frame; valid for IN_FLIGHT calls."""
        self._turn = (self._turn + 1) % IN_FLIGHT
        picture = blend(matted.front, self._backdrop, matted.alpha, self._rooms[self._turn])
        frame = matted.frame
        pixels = planes_of(picture) if self._wants == "i420" else picture
        return Frame(pixels, frame.pts_s, frame.captured_s, frame.cut)


def matter_of(peer: Peer) -> Matter:
    """An open peer in the place of rimlight's matter; the loop asks no more than this has."""
    return cast("Matter", PeerMatter(peer))


def painter_of(backdrop: UInt8Array, wants: PixelFormat) -> Painter:
    """The painter that goes with it."""
    return cast("Painter", PeerPainter(backdrop, wants))
