"""What runtimes on the processor share: the memory of every slot as arrays, and the arrays of a call.

A batch of pictures is the wrong shape for a processor: tried on two cores, it takes about as long as its pictures one
after the other, while calls abreast with a core each mostly take less, because no thread waits for another's layer. So
a group of streams is that many calls abreast, which also cannot round otherwise than one; only other devices take a
group as a batch.

Letters: B streams of a group, S = 2 memory slots, h, w internal size.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from rimlight.backends.streams import Grouped, powers_of_two
from rimlight.kernels import parallel
from rimlight.signature import INPUTS, CallShape
from rimlight.types import FloatArray, Size

STATE = (("keys", "next_keys"), ("values", "next_values"))


class HostStreams(Grouped):
    """Slots and calls as arrays: memory is copied into a group's arrays before it runs and back after it."""

    def __init__(self, size: Size, slots: int, together: int = 4) -> None:
        super().__init__(size, slots, together)
        whole = CallShape(size, streams=slots)
        self._memory = {name: np.zeros(whole.tensor(name), np.float32) for name, _ in STATE}
        self._arrays: dict[int, dict[str, FloatArray]] = {}

    @property
    def groups(self) -> tuple[int, ...]:
        return tuple(self._arrays)

    @property
    @abstractmethod
    def on_cpu(self) -> bool:
        """Whether the device is the processor."""

    def _make_arrays(self, threads: int | None) -> None:
        """Inputs and next memory of every group, (B, ...) as in signature; threads: as the user limits them.

        On the processor a group has no more streams than there are threads.
        """
        most = min(self.together, threads or parallel.threads()) if self.on_cpu else self.together
        names = (*INPUTS, *(after for _, after in STATE))
        for count in powers_of_two(most):
            shape = CallShape(self.size, streams=count)
            self._arrays[count] = {name: np.zeros(shape.tensor(name), np.float32) for name in names}

    @abstractmethod
    def _infer(self, count: int, scale: FloatArray, offset: FloatArray) -> None:
        """Run the group whose arrays are filled, to scale and offset (B, 4, h, w)."""

    def _run(
        self, images: FloatArray, slots: Sequence[int], own: Sequence[float], scale: FloatArray, offset: FloatArray
    ) -> None:  # fmt: skip
        arrays = self._arrays[len(slots)]
        arrays["images"][:, 0] = images
        arrays["own"][:, 0] = own
        for name, _ in STATE:
            for b, slot in enumerate(slots):
                arrays[name][b] = self._memory[name][slot]
        self._infer(len(slots), scale, offset)
        for name, after in STATE:
            for b, slot in enumerate(slots):
                self._memory[name][slot] = arrays[after][b]


def rows(arrays: dict[str, FloatArray], first: int, last: int) -> dict[str, FloatArray]:
    """The part of a group's arrays that belongs to its streams first to last."""
    return {name: array[first:last] for name, array in arrays.items()}
