"""Pictures as flat bytes on the device, as gpu.layout packs them, and how they become what the network looks at.

Letters: H, W full size; h, w internal size; K most input samples under one output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rimlight.gpu.layout import HEADER, HEADER_BYTES, Form, picture_bytes
from rimlight.kernels.shrink import Taps, taps
from rimlight.types import Size

UNIT = 1 / 255
MIDDLE = 128.0  # of chroma


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A frame as it came up: a header, and a picture without gaps.

    form: rgb or i420. number (1,) int32, own (1,) and matrix (6,) float32 are views of the header.
    """

    size: Size
    form: Form
    picture: Tensor  # (bytes,) uint8
    number: Tensor
    own: Tensor
    matrix: Tensor

    @classmethod
    def of(cls, room: Tensor, size: Size, form: Form) -> Uploaded:
        """Views of room (HEADER_BYTES + picture_bytes,) uint8."""
        picture = room[HEADER_BYTES : HEADER_BYTES + picture_bytes(size, form)]
        number = _field(room, "number", 1).view(torch.int32)
        return cls(size, form, picture, number, _field(room, "own", 1), _field(room, "matrix", 6))

    @property
    def rgb(self) -> Tensor:
        """(H, W, 3) of an rgb picture."""
        return self.picture.view(self.size.height, self.size.width, 3)

    @property
    def planes(self) -> tuple[Tensor, Tensor]:
        """Luma (H, W) and chroma (2, ceil(H/2), ceil(W/2)) of an i420 picture."""
        return planes_of(self.picture, self.size)


def planes_of(picture: Tensor, size: Size) -> tuple[Tensor, Tensor]:
    """Luma (H, W) and chroma (2, ceil(H/2), ceil(W/2)) of bytes that hold planes."""
    pixels = size.height * size.width
    chroma = picture[pixels:].view(2, (size.height + 1) // 2, (size.width + 1) // 2)
    return picture[:pixels].view(size.height, size.width), chroma


class Shrinking:
    """Uploaded frames of one size to (3, h, w) float32 RGB 0..1, by the taps of pixels.Shrinker."""

    def __init__(self, full: Size, small: Size, place: torch.device) -> None:
        half = Size((full.height + 1) // 2, (full.width + 1) // 2)
        self._whole = _Averages(full, small, place)
        self._half = _Averages(half, small, place)

    def __call__(self, frame: Uploaded, out: Tensor) -> None:
        """Write the small picture to out (3, h, w)."""
        if frame.form != "i420":
            out.copy_(self._whole(frame.rgb, 0).permute(2, 0, 1) * UNIT)
            return
        luma, chroma = frame.planes
        grey, both = self._whole(luma, 0), self._half(chroma, 1) - MIDDLE  # (h, w), (2, h, w)
        out.copy_(to_rgb(grey, both, frame.matrix).clamp_(0, 1))


def to_rgb(luma: Tensor, chroma: Tensor, matrix: Tensor) -> Tensor:
    """(3, H, W) RGB, not clamped, of luma (H, W) and chroma (2, H, W) about 0, of 0..255; matrix of to_rgb_matrix."""
    grey = (luma - matrix[0]) * matrix[1]
    u, v = chroma
    return torch.stack([grey + matrix[2] * v, grey + matrix[3] * u + matrix[4] * v, grey + matrix[5] * u]) * UNIT


class _Averages:
    """Area averages of a picture along its two sides."""

    def __init__(self, inputs: Size, outputs: Size, place: torch.device) -> None:
        self._rows = _Side(taps(inputs.height, outputs.height), inputs.height, place)
        self._columns = _Side(taps(inputs.width, outputs.width), inputs.width, place)

    def __call__(self, picture: Tensor, rows: int) -> Tensor:
        """Float32 of a uint8 picture whose rows lie along that dimension, and its columns along the next."""
        return self._columns(self._rows(picture, rows), rows + 1)


class _Side:
    """Taps of one side as tensors: for every output K inputs and their weights, 0 where there are fewer."""

    def __init__(self, found: Taps, inputs: int, place: torch.device) -> None:
        index = np.minimum(found.first[:, None] + np.arange(found.weight.shape[1]), inputs - 1)  # (n, K)
        self._index = torch.from_numpy(index.astype(np.int64).reshape(-1)).to(place)
        self._weight = torch.from_numpy(found.weight).to(place)  # (n, K)

    def __call__(self, x: Tensor, side: int) -> Tensor:
        samples = torch.unflatten(x.index_select(side, self._index), side, self._weight.shape)
        weight = self._weight.view(*self._weight.shape, *(1 for _ in range(samples.dim() - side - 2)))
        return (samples * weight).sum(side + 1)


def _field(room: Tensor, name: str, count: int) -> Tensor:
    """Count float32 of a field of the header."""
    assert HEADER.fields is not None
    first = int(HEADER.fields[name][1])
    return room[first : first + 4 * count].view(torch.float32)
