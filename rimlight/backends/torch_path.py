"""PyTorch between a camera's frame and a finished picture: everything in between stays on the device.

What a frame needs is recorded once for every place of the ring: shrinking and the network, with memory going from one
place to the other. The pass after it is one Triton kernel, or plain PyTorch where there is no Triton.

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np

from rimlight.backends import torch_pass
from rimlight.backends.device_path import DeviceBehind, DevicePath, SceneBlur
from rimlight.backends.torch_edges import adjusted, blurred
from rimlight.backends.torch_graphs import Maps, Queue, State, Turns, Work, open_queue, step
from rimlight.backends.torch_pass import Grid, Painting
from rimlight.backends.torch_pictures import Shrinking, Uploaded
from rimlight.backends.torch_precision import described, open_network, place_of, precision_of
from rimlight.compose import EdgeOptions
from rimlight.gpu.layout import HEADER_BYTES, Form, form_of, pack_upload, picture_bytes, room_bytes, status_offset
from rimlight.pixels import to_rgb
from rimlight.signature import CallShape
from rimlight.types import I420, Coefficients, FloatArray, Pixels, Size, UInt8Array

import torch  # isort: skip - after torch_precision, which says what to install
from torch import Tensor  # isort: skip


@dataclass(slots=True)
class _Room:
    """The same bytes on the host, page-locked, and on the device; sent: passed when the host's are free again."""

    host: Tensor
    device: Tensor
    sent: Any = None

    @classmethod
    def of(cls, queue: Queue, count: int) -> _Room:
        return cls(queue.host((count,), torch.uint8), torch.zeros(count, dtype=torch.uint8, device=queue.place))

    def send(self, queue: Queue) -> None:
        """Queue the way up."""
        self.device.copy_(self.host, non_blocking=True)
        self.sent = queue.mark()


class TorchPath(DevicePath):
    """A place's maps are its own, so that its frame can be painted while the next ones are matted.

    precision: f32, or f16, the default on a GPU. weights: a file of them, the shipped ones by default.
    """

    name = "torch"

    def __init__(
        self, full: Size, small: Size, device: str = "cuda", threads: int | None = None, precision: str | None = None,
        weights: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(full, small)
        self.place = place_of(device)
        self._precision = precision_of(self.place, precision)
        if threads:
            torch.set_num_threads(threads)
        self._device_queue = open_queue(self.place)
        self._what = f"frames of {full} at {small}"
        with self._device_queue.working(self._what):
            self._open(weights)

    @property
    def device(self) -> str:
        painter = "plain PyTorch" if self._paints is torch_pass.paint else "Triton"
        return f"{described(self.place, self._precision)}, painted by {painter}"

    def _open(self, weights: Path | None) -> None:
        place = self.place
        self._network = open_network(place, self._precision, weights)
        self._memory = [State.of(self._network, 1, self.small) for _ in range(2)]
        self._maps = [Maps.of(CallShape(self.small), place) for _ in range(self.RING)]
        self._status = torch.zeros(self.RING, 2, dtype=torch.int32, device=place)
        self._shrink, self._grid = Shrinking(self.full, self.small, place), Grid.of(self.full, self.small, place)
        self._paints = pass_for(place)
        self._forms: list[Form] = ["rgb"] * self.RING  # of the frame in each place
        self._up: dict[Form, list[_Room]] = {}
        self._turns: dict[Form, Turns] = {}
        self._down: dict[Form, _Room] = {}
        self._sharp = _Room.of(self._device_queue, picture_bytes(self.full, "rgb"))
        self._soft = _Room.of(self._device_queue, 12 * self.small.height * self.small.width)

    def _matte(self, place: int, number: int, pixels: Pixels, own: float) -> None:
        pixels = pixels if isinstance(pixels, I420) else to_rgb(pixels)
        form = form_of(pixels)
        with self._device_queue.working(self._what):
            room = self._rooms_up(form)[place]
            self._device_queue.wait(room.sent)
            pack_upload(pixels, room.host.numpy(), number, own)
            room.send(self._device_queue)
            self._turns[form].run(place)
        self._forms[place] = form

    def _rooms_up(self, form: Form) -> list[_Room]:
        """Where frames of a form come up, one room for every place."""
        if form not in self._up:
            count = HEADER_BYTES + picture_bytes(self.full, form)
            self._up[form] = [_Room.of(self._device_queue, count) for _ in range(self.RING)]
            self._turns[form] = Turns(self._device_queue, self.RING, partial(self._work, form))
        return self._up[form]

    def _work(self, form: Form, place: int, here: int, there: int) -> Work:
        """Shrinking and the network for the frame in a place, and its status."""
        frame, maps, status = self._frame(form, place), self._maps[place], self._status[place]

        def work() -> None:
            maps.scale.fill_(torch.nan)
            maps.offset.fill_(torch.nan)
            maps.own[0].copy_(frame.own)
            self._shrink(frame, maps.images[0, 0])
            step(self._network, maps, self._memory[here], self._memory[there])
            found = torch.cat([maps.scale, maps.offset])
            status[:1].copy_(frame.number)
            status[1].copy_((~torch.isfinite(found)).sum())

        return work

    def _frame(self, form: Form, place: int) -> Uploaded:
        return Uploaded.of(self._up[form][place].device, self.full, form)

    def _paint(self, place: int, behind: DeviceBehind, fresh: bool, edges: EdgeOptions, form: Form) -> None:
        maps = self._maps[place]
        scale, offset, small = maps.scale[0, 0], maps.offset[0, 0], maps.images[0, 0]
        with self._device_queue.working(self._what):
            if form not in self._down:
                self._down[form] = _Room.of(self._device_queue, room_bytes(self.full, form))
            room, end = self._down[form], picture_bytes(self.full, form)
            shown = self._shown(behind, fresh, scale, offset, small)
            treated = adjusted(scale, offset, small, self.full, edges)
            frame, picture = self._frame(self._forms[place], place), room.device[:end]
            self._paints(self._grid, Painting(frame, *treated, shown, edges.decontaminate, picture, form))
            room.device[status_offset(self.full, form) :].copy_(self._status[place].view(torch.uint8))
            room.host.copy_(room.device, non_blocking=True)
            room.sent = self._device_queue.mark()

    def _shown(
        self, behind: DeviceBehind, fresh: bool, scale: Tensor, offset: Tensor, small: Tensor
    ) -> Tensor | None:  # fmt: skip
        """What stands behind, on the device; an array goes up only where it is fresh."""
        if behind is None:
            return None
        if isinstance(behind, SceneBlur):
            return blurred(scale, offset, small, behind.strength)
        sharp = behind.dtype == np.uint8
        room = self._sharp if sharp else self._soft
        if fresh:
            self._device_queue.wait(room.sent)
            array = np.ascontiguousarray(behind, behind.dtype if sharp else np.float32)
            room.host.numpy()[:] = array.reshape(-1).view(np.uint8)
            room.send(self._device_queue)
        if sharp:
            return room.device.view(self.full.height, self.full.width, 3)
        return room.device.view(torch.float32).view(3, self.small.height, self.small.width)

    def _downloaded(self, form: Form) -> UInt8Array:
        room = self._down[form]
        with self._device_queue.working(self._what):
            self._device_queue.wait(room.sent)
        return np.asarray(room.host.numpy(), np.uint8)

    def _look(self, place: int) -> tuple[FloatArray, Coefficients]:
        maps = self._maps[place]
        with self._device_queue.working(self._what):
            found = [one[0, 0].to("cpu", copy=True).numpy() for one in (maps.images, maps.scale, maps.offset)]
        return found[0], Coefficients(found[1], found[2])

    def _close(self) -> None:
        self._device_queue.wait(self._device_queue.mark())
        for held in (self._turns, self._up, self._down):
            held.clear()
        self._maps.clear()
        self._memory.clear()

    def _mark(self) -> Any:
        return self._device_queue.mark()

    def _elapsed_ms(self, begin: Any, end: Any) -> float:
        return self._device_queue.elapsed_ms(begin, end)


def pass_for(place: torch.device) -> Callable[[Grid, Painting], None]:
    """The quickest pass of a device: Triton compiles for GPUs, where it is and a C compiler, which it needs."""
    compilers = (os.environ.get("CC", "cc"), "gcc", "clang")
    if place.type == "cuda" and find_spec("triton") is not None and any(which(name) for name in compilers):
        from rimlight.backends import triton_pass

        return triton_pass.paint
    return torch_pass.paint
