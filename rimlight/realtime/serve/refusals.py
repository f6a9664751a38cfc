"""The error of a service that does not do what it was asked."""

from __future__ import annotations

from rimlight.errors import RimlightError


class RefusedError(RimlightError):
    """The service does not do what it was asked; status: of HTTP, retry_after_s: when to ask again."""

    def __init__(self, status: int, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after_s = status, retry_after_s
