"""Requests that nobody should send, the same ones for a seed; none may be answered with anything but 4xx."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tests.realtime.serve.malformed_bodies import bad_json, bad_patch, bad_sdp, bad_upload, wrong_content, wrong_types
from tests.realtime.serve.malformed_http import bad_chunks, bad_headers, bad_path, garbage, huge_body, wrong_method
from tests.realtime.serve.wrong import Target, Wrong

Maker = Callable[[random.Random, Target], Wrong]
KINDS: tuple[tuple[int, Maker], ...] = (
    (150, bad_json), (130, wrong_types), (90, bad_patch), (200, bad_sdp), (70, wrong_content), (100, bad_path),
    (70, wrong_method), (70, bad_headers), (20, huge_body), (40, bad_upload), (30, bad_chunks), (30, garbage),
)  # fmt: skip


def requests(target: Target, seed: int) -> list[Wrong]:
    """One thousand of them, mixed."""
    rng = random.Random(seed)
    found = [one for count, make in KINDS for one in _times(count, make, rng, target)]
    rng.shuffle(found)
    assert len(found) == 1000
    return found


def _times(count: int, make: Maker, rng: random.Random, target: Target) -> Iterator[Wrong]:
    for _ in range(count):
        yield make(rng, target)
