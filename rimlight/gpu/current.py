"""Which thread has the device: CUDA keeps that per thread, and other libraries in the process may change it."""

from __future__ import annotations

import threading

from rimlight.errors import BackendError
from rimlight.gpu.binding import Binding


class _Depth(threading.local):
    entered = 0


class Current:
    """`with current:` makes the device current in the calling thread; inside another one it costs next to nothing."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._depth = _Depth()
        self.closed = False

    def __enter__(self) -> None:
        if self.closed:
            raise BackendError(f"the {self._binding.name} driver is closed; open the backend again")
        if self._depth.entered == 0:
            self._binding.enter()
        self._depth.entered += 1

    def __exit__(self, *raised: object) -> None:
        self._depth.entered -= 1
        if self._depth.entered == 0:
            self._binding.leave()
