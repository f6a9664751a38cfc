"""Whole frames of B streams that never leave the device: planes to planes, with the parts of the torch path.

Letters: B streams, H, W full size; h, w internal size.
"""

from __future__ import annotations

import torch

from rimlight.backends.torch_edges import blurred
from rimlight.backends.torch_graphs import Maps, State, Turns, Work, open_queue, step
from rimlight.backends.torch_pass import Grid, Painting
from rimlight.backends.torch_path import pass_for
from rimlight.backends.torch_pictures import Shrinking, Uploaded
from rimlight.backends.torch_precision import open_network, place_of, precision_of
from rimlight.gpu.layout import HEADER_BYTES, pack_upload, picture_bytes
from rimlight.signature import CallShape
from rimlight.types import I420, Size

BLUR = 0.5


class FramesLoop:
    """Every call shrinks B frames that lie on the device, runs the network once, and paints each before its own blur.

    out (B, bytes): the pictures of the last call, as gpu.layout packs planes.
    """

    def __init__(self, planes: I420, small: Size, streams: int, device: str) -> None:
        place, full = place_of(device), planes.size
        self.queue = open_queue(place)
        self.what = f"{streams} frames of {full}"
        self._place = 0
        with self.queue.working(self.what):
            self._network = open_network(place, precision_of(place, None))
            self._maps = Maps.of(CallShape(small, streams), place)
            self._states = [State.of(self._network, streams, small) for _ in range(2)]
            self._frames = [Uploaded.of(one, full, "i420") for one in _uploaded(planes, streams, place)]
            self._shrink, self._grid = Shrinking(full, small, place), Grid.of(full, small, place)
            self._paint = pass_for(place)
            self.out = torch.zeros(streams, picture_bytes(full, "i420"), dtype=torch.uint8, device=place)
        self._turns = Turns(self.queue, 2, self._work)

    def __call__(self) -> None:
        """One frame of every stream, queued."""
        with self.queue.working(self.what):
            self._turns.run(self._place)
        self._place = 1 - self._place

    def _work(self, _place: int, here: int, there: int) -> Work:
        maps = self._maps

        def work() -> None:
            for frame, images in zip(self._frames, maps.images, strict=True):
                self._shrink(frame, images[0])
            step(self._network, maps, self._states[here], self._states[there])
            for frame, image, scale, offset, out in zip(
                self._frames, maps.images, maps.scale, maps.offset, self.out, strict=True
            ):
                behind = blurred(scale[0], offset[0], image[0], BLUR)
                self._paint(self._grid, Painting(frame, scale[0], offset[0], behind, True, out, "i420"))

        return work


def _uploaded(planes: I420, streams: int, place: torch.device) -> torch.Tensor:
    """Headers and pictures (B, bytes) on the device, all the same."""
    room = torch.zeros(HEADER_BYTES + picture_bytes(planes.size, "i420"), dtype=torch.uint8)
    pack_upload(planes, room.numpy())
    return room.to(place).repeat(streams, 1)
