"""What every source of frames is."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType
from typing import Protocol, TypeVar, runtime_checkable

from rimlight.types import Frame, Size


@runtime_checkable
class Source(Protocol):
    """Iterates frames once, from the start; a context manager that frees device or file.

    live: frames come at their own pace and the newest matters (camera), else every frame counts (file).
    size: of the first frame, after rotation. rate: nominal frames per second. count: frames if known, for progress.
    Iteration raises SourceError when the source breaks; a live source never blocks for longer than its timeout.
    """

    live: bool

    @property
    def size(self) -> Size: ...

    @property
    def rate(self) -> Fraction: ...

    @property
    def count(self) -> int | None: ...

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...

    def __enter__(self) -> Source: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


Closing = TypeVar("Closing", bound="Closes")


class Closes:
    """The context manager of every source: leaving it closes, whatever happened."""

    def close(self) -> None:
        """Free the device or file; a second call does nothing."""

    def __enter__(self: Closing) -> Closing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
