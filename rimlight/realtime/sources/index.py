"""When each frame of a file is shown, read from its packets without decoding one: what exact ranges rest on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from pathlib import Path

from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from rimlight.realtime.sources.decoding import open_container, video_stream

KEPT = 4  # indices of files
REORDERED_S = 1.0  # packets are stored at most this far from the order in which they are shown


@dataclass(frozen=True, slots=True)
class Index:
    """times: of the frames, in the order they are shown. keys: (time, decoding time) of the keyframes. Stream units."""

    times: list[int]
    keys: list[tuple[int, int]]

    def since(self, first: int) -> Index:
        """Without the frames before the first that decodes: a stream that starts between keyframes loses some."""
        return Index([time for time in self.times if time >= first], self.keys)

    def seek_points(self, time: int) -> tuple[int, ...]:
        """Where to seek so that decoding reaches the frame shown at time; containers go by one time or the other."""
        position = bisect_right(self.keys, time, key=itemgetter(0))
        return self.keys[position - 1] if position else ()


def read_index(path: Path) -> Index | None:
    """Index of a file's video stream, or None where its timestamps are missing, double or start anew.

    Reads the file from end to end, once while it stays as it is: who seeks in a long film asks many times. Raises
    SourceError where it cannot be opened.
    """
    try:
        facts = path.stat()
    except OSError:
        return _read(path)  # which says why
    return _read_once(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=KEPT)
def _read_once(path: Path, modified_ns: int, size: int) -> Index | None:  # noqa: ARG001 - both tell files apart
    return _read(path)


def _read(path: Path) -> Index | None:
    container = open_container(path)
    try:
        stream = video_stream(container, path)
        reordered = round(REORDERED_S / stream.time_base) if stream.time_base else 0
        return _collect(container.demux(stream), reordered)
    finally:
        container.close()


def _collect(packets: Iterable[Packet[VideoStream]], reordered: int) -> Index | None:
    times: list[int] = []
    keys: list[tuple[int, int]] = []
    latest: int | None = None
    try:
        for packet in packets:
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None or (latest is not None and packet.pts < latest - reordered):
                return None
            latest = packet.pts if latest is None else max(latest, packet.pts)
            times.append(packet.pts)
            if packet.is_keyframe:
                keys.append((packet.pts, packet.pts if packet.dts is None else packet.dts))
    except FFmpegError:
        pass  # cut off here: what came before is still in order
    if len(set(times)) < len(times):
        return None
    return Index(sorted(times), sorted(keys))
