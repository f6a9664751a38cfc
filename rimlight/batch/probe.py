"""How many frames one call of the network had best take on a device, tried out once."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from rimlight.backends import open_backend
from rimlight.backends.device_path import has_device_path
from rimlight.errors import BackendError
from rimlight.realtime.batch import batch_for
from rimlight.realtime.session import Settings
from rimlight.signature import internal_size
from rimlight.types import Size

TRIED = (1, 2, 4, 8)
FULL = Size(1080, 1920)  # of the frames that the network's picture is thought to come from
CALLS = 6  # after one that does not count
WORTH = 1.05  # times as fast a larger batch must be: it takes memory


def probe_batch(settings: Settings, clock: Callable[[], float] = time.perf_counter) -> int:
    """The batch with the most frames per second; 1 on processors, and where frames stay on the device one by one.

    Raises BackendError where the network does not run there at all.
    """
    if has_device_path(settings.backend, settings.device) or batch_for(settings.device, 1, live=False) == 1:
        return 1
    best, fastest = 1, 0.0
    for batch in TRIED:
        try:
            speed = _speed(settings, batch, clock)
        except BackendError:
            if batch == 1:
                raise
            break  # memory is used up
        if speed > fastest * WORTH:
            best, fastest = batch, speed
    return best


def _speed(settings: Settings, batch: int, clock: Callable[[], float]) -> float:
    """Frames per second of the network alone."""
    small = internal_size(FULL, settings.long_side)
    backend = open_backend(settings.backend, small, batch, **settings.backend_options())
    try:
        images = np.full((batch, 3, small.height, small.width), 0.5, np.float32)
        memory, begun_s = None, 0.0
        for call in range(CALLS + 1):
            if call == 1:
                begun_s = clock()
            _, memory = backend.clip(images, memory, [False] * batch)
        return batch * CALLS / max(clock() - begun_s, 1e-9)
    finally:
        backend.close()
