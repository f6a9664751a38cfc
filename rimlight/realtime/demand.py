"""The camera on demand: open while somebody looks at the virtual camera, closed some seconds after the last one left.

`Watcher` asks once a second who reads and tells `Live.watch`; `decide` is the rule, a pure function. Where it cannot be
known who reads (other systems than Linux), the camera is always on.
"""

from __future__ import annotations

import errno
import logging
import os
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

from rimlight.realtime import loopback

log = logging.getLogger(__name__)

ON_LINUX = sys.platform == "linux"
CLOSE_AFTER_S = 10.0  # a call that changes its camera settings closes and opens the device again
EVERY_S = 1.0
JOIN_S = 2.0

USAGE = 0x08000000 + 0x08E00000 + 1  # V4L2_EVENT_PRI_CLIENT_USAGE of v4l2loopback
SEND_INITIAL = 1  # V4L2_EVENT_SUB_FL_SEND_INITIAL
SUBSCRIPTION = struct.Struct("=8I")  # struct v4l2_event_subscription: type, id, flags
SUBSCRIBE = 0x4020565A  # VIDIOC_SUBSCRIBE_EVENT
EVENT = struct.Struct("@I4xI")  # the beginning of struct v4l2_event: type, and the first number that comes with it
EVENT_BYTES = 136
DEQUEUE = 0x80885659  # VIDIOC_DQEVENT


@dataclass(frozen=True, slots=True)
class Demand:
    """Whether the camera is to be open, and since when nobody has looked, if nobody does."""

    open: bool = False
    idle_since_s: float | None = None


def decide(demand: Demand, readers: int | None, now_s: float, close_after_s: float = CLOSE_AFTER_S) -> Demand:
    """Open at once when somebody looks or it cannot be known; close when nobody has for close_after_s."""
    if readers is None or readers > 0:
        return Demand(True)
    if not demand.open:
        return Demand()
    since_s = now_s if demand.idle_since_s is None else demand.idle_since_s
    return Demand() if now_s - since_s >= close_after_s else Demand(True, since_s)


def readers(device: str) -> int | None:
    """How many programs read from a virtual camera, or None where that cannot be known.

    v4l2loopback from 0.13 on tells it itself, as programs that stream (some versions only whether there is one). For
    older ones it is the other processes that have the device open, as far as they can be seen: only this user's.
    """
    if not ON_LINUX:
        return None
    told = _told_by_module(device)
    if told is not None:
        return told
    return sum(not holder.only_writes for holder in loopback.holders(device))


class Watcher:
    """Asks again and again who reads a device, in a thread of its own, and tells `watch` each time that changes.

    watch: `Live.watch`; it is called before the constructor returns. close_after_s, every_s: seconds. count: asks for
    the readers. A context manager. An error while asking leaves the camera on.
    """

    def __init__(
        self, device: str, watch: Callable[[bool], None], *, close_after_s: float = CLOSE_AFTER_S,
        every_s: float = EVERY_S, count: Callable[[str], int | None] = readers,
    ) -> None:  # fmt: skip
        self._device, self._watch, self._count = device, watch, count
        self._close_after_s, self._every_s = close_after_s, every_s
        self._stop = Event()
        self._demand = decide(Demand(), self._asked(), time.monotonic(), close_after_s)
        watch(self._demand.open)
        self._thread = Thread(target=self._run, name="rimlight-demand", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop asking; what was told last remains."""
        self._stop.set()
        self._thread.join(JOIN_S)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            before = self._demand
            self._demand = decide(before, self._asked(), time.monotonic(), self._close_after_s)
            if self._demand.open != before.open:
                log.info("somebody looks: the camera opens" if self._demand.open else "nobody looks: the camera closes")
                self._watch(self._demand.open)

    def _asked(self) -> int | None:
        try:
            return self._count(self._device)
        except OSError as error:
            log.warning("who reads %s cannot be known, so the camera stays on: %s", self._device, error)
            return None


def _told_by_module(device: str) -> int | None:
    """The number in v4l2loopback's event of its readers, None where the module has none.

    A fresh descriptor each time gets the present state, so no event can be missed.
    """
    from fcntl import ioctl

    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        ioctl(descriptor, SUBSCRIBE, SUBSCRIPTION.pack(USAGE, 0, SEND_INITIAL, 0, 0, 0, 0, 0))
        return usage_of(ioctl(descriptor, DEQUEUE, bytes(EVENT_BYTES)))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTTY, errno.ENOENT, errno.EAGAIN):
            raise
        return None
    finally:
        os.close(descriptor)


def usage_of(event: bytes) -> int | None:
    """The number of readers in a struct v4l2_event, None if it is another event."""
    kind, count = EVENT.unpack_from(event)
    return count if kind == USAGE else None
