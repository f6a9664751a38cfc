"""What a driver made and has to give back, also where the device failed, hangs, or arrays still look at its memory."""

from __future__ import annotations

import ctypes
import threading
import weakref
from contextlib import suppress
from typing import TypeVar

import numpy as np

from rimlight.errors import BackendError
from rimlight.gpu.binding import Binding, Release
from rimlight.gpu.resources import Buffer, Event, Graph, Module, Pinned, Resource, Stream

_Kept = TypeVar("_Kept", Buffer, Stream, Event, Graph, Module)
_left_behind: list[object] = []  # pycuda frees what nobody has any more, and ends the process where that fails
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_left_behind))  # so not even at the end of the process


class Holdings:
    """Resources with the way to give each back."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._releases: dict[Resource, Release] = {}
        self._pinned = 0
        self._closed = self._left = False
        self._lock = threading.RLock()  # a finaliser may run while its own thread is inside

    def keep(self, resource: _Kept, release: Release) -> _Kept:
        with self._lock:
            self._releases[resource] = release
        return resource

    def pin(self, address: int, size_bytes: int, release: Release) -> Pinned:
        """Page-locked memory that is given back when the last array that looks at it is gone."""
        block = (ctypes.c_uint8 * size_bytes).from_address(address)
        with self._lock:
            self._pinned += 1
        weakref.finalize(block, self._unpin, release).atexit = False
        return Pinned(np.ctypeslib.as_array(block), address)

    def pop(self, resource: Resource) -> Release | None:
        with self._lock:
            return self._releases.pop(resource, None)

    def streams(self) -> list[Stream]:
        with self._lock:
            return [kept for kept in self._releases if isinstance(kept, Stream)]

    def close(self) -> None:
        """Give everything back, the newest first; where the device failed it goes with the device."""
        with self._lock:
            self._release(*reversed(self._releases.values()))
            self._releases = {}
            self._closed = True
        self._let_go()

    def leave(self) -> None:
        """Leave everything, and the device, to the end of the process."""
        with self._lock:
            self._left = True
            _left_behind.append(self._releases)

    def _unpin(self, release: Release) -> None:
        with self._lock:
            self._pinned -= 1
            if self._left:
                _left_behind.append(release)
            else:
                self._release(release)
        self._let_go()

    def _release(self, *releases: Release) -> None:
        try:
            self._binding.enter()
        except BackendError:
            _left_behind.append(releases)
            return
        for release in releases:
            with suppress(BackendError):  # the device failed before, which was said then
                release()
        self._binding.leave()

    def _let_go(self) -> None:
        """Let go of the device once all is closed and no array looks at its page-locked memory."""
        with self._lock, suppress(BackendError):
            if self._closed and self._pinned == 0:
                self._binding.close()
