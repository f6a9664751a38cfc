"""Who does the items of a batch: what every pool of workers is, and how they are named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from rimlight.batch.items import Failed, Item, Outcome
from rimlight.errors import RimlightError

MOST_WORKERS = 4096


@dataclass(frozen=True, slots=True)
class Wrote:
    """So many more frames are written. whole: frames of the whole input, 0 where they are not known."""

    frames: int
    whole: int = 0


News: TypeAlias = Wrote | Outcome | Failed


class Pool(Protocol):
    """Workers of one or more kinds, named by the device that their network runs on; a context manager.

    workers: how many of each kind. A worker that died is a Failed that is not final, and another takes its place.
    """

    workers: Mapping[str, int]

    def takes(self, worker: str) -> bool:
        """Whether a worker of that kind is free, and memory for it."""

    def give(self, worker: str, ticket: int, item: Item) -> None:
        """Let a worker of that kind do an item; news of it comes with the ticket."""

    def news(self, wait_s: float) -> Iterator[tuple[int, News]]:
        """What has come, waiting so long for the first."""

    def __enter__(self) -> Pool: ...

    def __exit__(self, *_: object) -> None:
        """End all workers, whatever they do; what they did not finish has not happened."""


def on_processors(worker: str) -> bool:
    """Whether a kind of worker runs its network on processors."""
    return worker.lower().partition(".")[0] == "cpu"


def parse_workers(text: str, device: str, usual: int) -> dict[str, int]:
    """Workers of each kind: "4" for the device, or "cpu=4,cuda=1"; "" for as many as are usual."""
    if not text:
        return {device: max(1, usual)}
    if text.isdecimal():
        text = f"{device}={text}"
    found: dict[str, int] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*([\w.:]+)=(\d{1,4})\s*", part)
        if match is None or match[1] in found or not 1 <= int(match[2]) <= MOST_WORKERS:
            raise RimlightError(f"expected workers as 4 or cpu=4,cuda=1, each at least 1, got {text}")
        found[match[1]] = int(match[2])
    return found
