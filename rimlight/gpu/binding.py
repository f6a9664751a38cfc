"""What a binding to NVIDIA's driver API has to offer; `Driver` adds checks, counts, threads and waiting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rimlight.gpu.resources import DeviceInfo, Grid, Scalar

Release: TypeAlias = Callable[[], None]


class Binding(ABC):
    """Calls of one device; handles are the binding's own objects. Every failure is a BackendError.

    All but enter, leave and close are called with the device made current in the calling thread.
    """

    name: str
    info: DeviceInfo

    @abstractmethod
    def enter(self) -> None:
        """Make the device current in this thread, on top of what is."""

    @abstractmethod
    def leave(self) -> None:
        """Undo enter."""

    @abstractmethod
    def free_bytes(self) -> int: ...

    @abstractmethod
    def buffer(self, size_bytes: int) -> tuple[int, Release]: ...

    @abstractmethod
    def pinned(self, size_bytes: int) -> tuple[int, Release]: ...

    @abstractmethod
    def stream(self) -> tuple[Any, int, Release]: ...

    @abstractmethod
    def event(self) -> tuple[Any, Release]: ...

    @abstractmethod
    def load(self, image: bytes) -> tuple[Any, Release]: ...

    @abstractmethod
    def function(self, module: Any, name: str) -> Any: ...

    @abstractmethod
    def upload(self, to: int, source: int, size_bytes: int, stream: Any) -> None: ...

    @abstractmethod
    def download(self, to: int, source: int, size_bytes: int, stream: Any) -> None: ...

    @abstractmethod
    def copy(self, to: int, source: int, size_bytes: int, stream: Any) -> None: ...

    @abstractmethod
    def clear(self, address: int, size_bytes: int, stream: Any) -> None: ...

    @abstractmethod
    def launch(self, function: Any, grid: Grid, block: Grid, arguments: Sequence[Scalar], stream: Any) -> None: ...

    @abstractmethod
    def begin_capture(self, stream: Any) -> None: ...

    @abstractmethod
    def drop_capture(self, stream: Any) -> None:
        """End a capture that went wrong, if it has not ended; never raises."""

    @abstractmethod
    def end_capture(self, stream: Any) -> tuple[Any, Release]: ...

    @abstractmethod
    def launch_graph(self, graph: Any, stream: Any) -> None: ...

    @abstractmethod
    def record(self, event: Any, stream: Any) -> None: ...

    @abstractmethod
    def hold(self, stream: Any, event: Any) -> None: ...

    @abstractmethod
    def event_done(self, event: Any) -> bool: ...

    @abstractmethod
    def stream_done(self, stream: Any) -> bool: ...

    @abstractmethod
    def elapsed_ms(self, start: Any, end: Any) -> float: ...

    @abstractmethod
    def close(self) -> None:
        """Let go of the device."""
