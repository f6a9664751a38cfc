"""Memory of many streams on the device: from their slots into a batch, and back."""

from __future__ import annotations

from rimlight.errors import BackendError
from rimlight.gpu.driver import Driver
from rimlight.gpu.launching import Launcher, at
from rimlight.gpu.resources import Module, Stream

PIECE_BYTES = 16  # that one thread copies
THREADS = 256


class Slots:
    """Copies maps of equal size between slots and a batch; both may be recorded in a graph.

    All addresses are on the device; which holds an int32 for every stream of the batch: its slot.
    """

    def __init__(self, driver: Driver, module: Module, stream: Stream) -> None:
        self._launcher = Launcher(driver, module, stream)

    def gather(self, slots: int, which: int, batch: int, streams: int, item_bytes: int) -> None:
        """batch[b] = slots[which[b]] for every b below streams."""
        self._move("gather", slots, which, batch, streams, item_bytes)

    def scatter(self, batch: int, which: int, slots: int, streams: int, item_bytes: int) -> None:
        """slots[which[b]] = batch[b] for every b below streams; no slot may be named twice."""
        self._move("scatter", batch, which, slots, streams, item_bytes)

    def _move(self, name: str, source: int, which: int, target: int, streams: int, item_bytes: int) -> None:
        pieces, rest = divmod(item_bytes, PIECE_BYTES)
        if rest or not pieces:
            raise BackendError(f"expected maps of a multiple of {PIECE_BYTES} bytes in a slot, got {item_bytes}")
        grid = (-(-pieces // THREADS), streams, 1)
        self._launcher.launch(name, grid, (THREADS, 1, 1), at(source), at(which), at(target), pieces)
