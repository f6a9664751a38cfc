"""Where a long video is cut into parts: by its own keyframes and the options alone, never by who does the work."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from rimlight.realtime.jobs import Share
from rimlight.signature import SLOTS

REACH = 4  # of a part's length, the share by which its edge may move to a keyframe


def split(times: Sequence[float], keys: Sequence[int], part_frames: int, batch: int = 1) -> tuple[Share, ...]:
    """Parts of about part_frames of the frames shown at times (seconds); keys: which of them are keyframes, in order.

    A part reads the frames before its own that fill the memory, so it begins that many after a keyframe: then nothing
    is decoded in vain. Where no keyframe is near, it begins where it falls. All begin at multiples of the batch, so
    that every frame is in the same call of the network as if the video were one part.
    """
    before = _whole_batches(SLOTS, batch)
    count = max(1, -(-len(times) // part_frames))
    inner = [_edge(len(times) * part // count, keys, part_frames // REACH, batch, before) for part in range(1, count)]
    edges = [0, *sorted({edge for edge in inner if before < edge < len(times)}), len(times)]
    if len(edges) == 2:
        return (Share(range(len(times)), None, times[0] if times else 0.0),)
    return tuple(
        Share(range(first, after), range(max(0, first - before), after), times[first])
        for first, after in pairwise(edges)
    )


def _edge(wanted: int, keys: Sequence[int], reach: int, batch: int, before: int) -> int:
    """The first frame of a part that is to begin about at wanted."""
    place = bisect_left(keys, wanted - before)
    near = [_whole_batches(key, batch) + before for key in keys[max(0, place - 1) : place + 1]]
    best = min(near, key=lambda edge: abs(edge - wanted), default=wanted)
    return best if abs(best - wanted) <= reach else _whole_batches(wanted, batch)


def _whole_batches(frames: int, batch: int) -> int:
    return -(-frames // batch) * batch
