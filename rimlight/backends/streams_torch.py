"""Many streams with PyTorch: memory is two tensors on the device, a call takes any number of streams as a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from rimlight.backends.on_torch import TorchBackend
from rimlight.backends.streams import Grouped
from rimlight.errors import BackendError
from rimlight.types import FloatArray, Size


class TorchStreams(Grouped):
    """keys and values (slots, S, C, h/16, w/16) on the device, gathered and scattered there."""

    name = "torch"

    def __init__(
        self, size: Size, slots: int, together: int = 4, device: str = "cpu", threads: int | None = None
    ) -> None:  # fmt: skip
        super().__init__(size, slots, together)
        self._backend = TorchBackend(size, 1, device, threads)
        self._keys, self._values = self._backend.network.empty_memory(slots, size.height, size.width)

    @property
    def device(self) -> str:
        return self._backend.device

    @property
    def groups(self) -> tuple[int, ...]:
        return tuple(range(self.together, 0, -1))

    def _run(
        self, images: FloatArray, slots: Sequence[int], own: Sequence[float], scale: FloatArray, offset: FloatArray
    ) -> None:  # fmt: skip
        place = self._backend.place
        try:
            with torch.inference_mode():
                where = torch.tensor(list(slots), device=place)
                batch = torch.from_numpy(np.ascontiguousarray(images))[:, None].to(place)
                rule = torch.tensor(list(own), device=place)[:, None]
                out = self._backend.network(batch, self._keys[where], self._values[where], rule)
                self._keys[where], self._values[where] = out.keys, out.values
                torch.from_numpy(scale).copy_(out.scale[:, 0])
                torch.from_numpy(offset).copy_(out.offset[:, 0])
        except RuntimeError as error:  # a GPU without memory for it is one too
            raise BackendError(f"PyTorch failed on a {self.size} step of {len(slots)} streams: {error}") from error
