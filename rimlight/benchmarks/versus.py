"""Ours and peers on the same frames in one run, frame by frame in turn; what is reported is the ratio of pairs.

Each call goes from a uint8 RGB frame to the finished uint8 composite before a picture, at full resolution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import Any, TypeAlias

import numpy as np

from rimlight.benchmarks.footage import backdrop, clip_file, pictures
from rimlight.benchmarks.machine import held_to
from rimlight.benchmarks.ours import Ours
from rimlight.benchmarks.peers import Peer, gather_peers
from rimlight.benchmarks.records import Record
from rimlight.benchmarks.rivals import HOW, composite
from rimlight.benchmarks.running import Running
from rimlight.benchmarks.tables import markdown, milliseconds
from rimlight.benchmarks.timing import Clock, pair_ratios, summary, time_call
from rimlight.errors import FrameError
from rimlight.types import Size, UInt8Array

Product: TypeAlias = Callable[[UInt8Array], object]
Seconds: TypeAlias = dict[str, list[float]]

DISTINCT = 24  # pictures kept in memory; they are shown back and forth, so that motion stays smooth
WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared: sizes, names of peers, our backend, frames of each pair, threads of everyone."""

    sizes: tuple[Size, ...]
    peers: tuple[str, ...]
    backend: str = "auto"
    frames: int = 60
    threads: int = 2


def compare(contest: Contest, report: Callable[[str], None], clock: Clock | None = None) -> Record:
    """Run the contest; report is told what comes next. Absent peers are in the record with their reasons.

    Raises FrameError without a peer or a size, SourceError for an unknown peer, BackendError for ours.
    """
    if not contest.sizes or not contest.peers:
        raise FrameError("expected at least one size and one peer to compare with")
    running = Running()
    with held_to(contest.threads) as held:
        ours = Ours(contest.backend)
        peers, absent = gather_peers(contest.peers)
        sizes = {}
        for size in contest.sizes:
            report(f"{size}: {', '.join(peer.name for peer in peers) or 'no peer is here'}")
            sizes[str(size)] = _compare_at(size, ours, peers, contest, clock or Clock())
        device = ours.device
        ours.close()
    settings = {"threads": contest.threads, "held": held, "frames": contest.frames, "backend": contest.backend}
    licences = {peer.name: f"{peer.source}, {peer.licence}" for peer in peers}
    figures = {"ours": device, "peers": licences, "absent": absent, "how": HOW, "sizes": sizes}
    spreads = [pair[who]["spread"] for pairs in sizes.values() for pair in pairs.values() for who in ("ours", "theirs")]
    return running.record("peers", settings, figures, spreads)


def pairs_in_turn(
    ours: Product, theirs: Mapping[str, Product], images: Sequence[UInt8Array], frames: int, clock: Clock
) -> tuple[Seconds, Seconds]:
    """Seconds of ours and of theirs by peer, over frames: ours, first peer, ours, second peer, …, next frame."""
    mine: Seconds = {name: [] for name in theirs}
    other: Seconds = {name: [] for name in theirs}
    for index, image in enumerate(islice(cycle(back_and_forth(images)), WARM_UP + frames)):
        for name, product in theirs.items():
            first = time_call(partial(ours, image), clock)
            second = time_call(partial(product, image), clock)
            if index >= WARM_UP:
                mine[name].append(first)
                other[name].append(second)
    return mine, other


def back_and_forth(images: Sequence[UInt8Array]) -> list[UInt8Array]:
    """First to last and back again, so that the sequence can be repeated without a jump."""
    return [*images, *images[-2:0:-1]]


def render(record: Record) -> str:
    """A Markdown table of the record: a row for each size and peer, times in ms a frame, then the absent."""
    rows = [["size", "peer", "rimlight ms", "spread", "peer ms", "spread", "peer / rimlight", "quartiles"]]
    for size, pairs in record.figures["sizes"].items():
        for name, pair in pairs.items():
            ratio = pair["ratio"]
            both = (pair["ours"], pair["theirs"])
            times = [cell for one in both for cell in (milliseconds(one["p50_ms"]), f"{one['spread']:.0%}")]
            rows.append([size, name, *times, f"{ratio['median']:.2f}", f"{ratio['q1']:.2f} to {ratio['q3']:.2f}"])
    absent = [f"absent: {name}: {reason}" for name, reason in record.figures["absent"].items()]
    return "\n\n".join([markdown(rows), *absent])


def _compare_at(
    size: Size, ours: Ours, peers: Sequence[Peer], contest: Contest, clock: Clock
) -> dict[str, Any]:  # fmt: skip
    images = pictures(clip_file(size), min(DISTINCT, contest.frames))
    behind = backdrop(size)
    ours.open(size, contest.threads)
    for peer in peers:
        peer.open(size, contest.threads)
    theirs = {peer.name: _product(peer, behind) for peer in peers}
    mine, other = pairs_in_turn(lambda image: ours.composite(image, behind), theirs, images, contest.frames, clock)
    return {
        name: {
            "ours": summary(mine[name]),
            "theirs": summary(other[name]),
            "ratio": pair_ratios(other[name], mine[name]),
        }
        for name in theirs
    }


def _product(peer: Peer, behind: UInt8Array) -> Product:
    out = np.empty_like(behind)
    return lambda image: composite(peer, image, behind, out)
