"""The values of a GPU: a device, its memory, streams, events, kernels and recorded graphs, and counts of copies."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from rimlight.types import UInt8Array

if TYPE_CHECKING:
    Scalar: TypeAlias = ctypes._SimpleCData[Any]
else:
    Scalar: TypeAlias = Any

Grid: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A GPU: its name, compute capability, the newest CUDA of its driver as 1000 * major + 10 * minor, its memory."""

    name: str
    capability: tuple[int, int]
    driver_version: int
    memory_bytes: int

    @property
    def sm(self) -> str:
        """The architecture as compilers call it, such as "sm_89"."""
        return "sm_{}{}".format(*self.capability)


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """Memory on the device."""

    address: int
    size_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class Pinned:
    """Page-locked memory of the host: array (size_bytes,) uint8; released when its last view is gone."""

    array: UInt8Array
    address: int

    @property
    def size_bytes(self) -> int:
        return self.array.size


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """An order of work on the device; handle is what other libraries call a CUstream."""

    handle: int
    native: Any


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """A point in a stream that can be asked for and timed."""

    native: Any


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A kernel of a module."""

    name: str
    native: Any


@dataclass(slots=True)
class Traffic:
    """What crossed the bus between host and device through a driver."""

    uploads: int = 0
    upload_bytes: int = 0
    downloads: int = 0
    download_bytes: int = 0

    def add(self, other: Traffic) -> None:
        self.uploads += other.uploads
        self.upload_bytes += other.upload_bytes
        self.downloads += other.downloads
        self.download_bytes += other.download_bytes


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Work that was recorded once and is launched as a whole; traffic is what each launch moves."""

    native: Any
    traffic: Traffic


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """Compiled kernels on the device; function(name) raises BackendError where there is no such kernel."""

    native: Any
    function: Callable[[str], Function]


Argument: TypeAlias = "Buffer | Scalar"
Resource: TypeAlias = "Buffer | Stream | Event | Graph | Module"
