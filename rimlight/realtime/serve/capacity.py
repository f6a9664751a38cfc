"""How many videos this machine can take: what one frame costs is measured at the start, not guessed.

A stream's demand is its frames a second times the processor seconds of one: the network grows with the internal size,
everything else (decoding, the full-resolution pass, encoding) with the picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from aiortc.codecs.vpx import Vp8Decoder, vp8_depayload
from aiortc.jitterbuffer import JitterFrame

from rimlight import assets
from rimlight.backends.streams import Streams
from rimlight.pixels import Shrinker, fill, read_picture, to_i420
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.matted import Matted
from rimlight.realtime.serve.encoders import Vp8Encoder
from rimlight.realtime.serve.measures import Look
from rimlight.realtime.serve.networks import seen_size
from rimlight.realtime.serve.outlet import empty_frame, fill_frame
from rimlight.realtime.serve.stream import CLOCK, Arrival, Desk, Dress, frame_of
from rimlight.types import I420, Size, UInt8Array

HEADROOM = 0.9  # of all processors; the rest is for the event loop and the operating system
MEASURED = Size(720, 1280)
MOST_STREAMS = 64  # that one network has places for, where no number is set
FRAMES = 12  # timed after WARM others
WARM = 4


@dataclass(frozen=True, slots=True)
class Demand:
    """What a stream asks for: frames of a size, a second, seen by the network at a long side, for so many watchers."""

    size: Size
    fps: float
    long_side: int
    watchers: int = 1


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor seconds of one frame: of the network per internal pixel; per pixel of encoding, and of all else."""

    per_internal_px_s: float
    per_px_s: float
    encode_px_s: float = 0.0

    def share(self, demand: Demand) -> float:
        """Processors that a stream keeps busy."""
        small = seen_size(demand.size, demand.long_side)
        frame_s = small.height * small.width * self.per_internal_px_s
        frame_s += demand.size.height * demand.size.width * (self.per_px_s + demand.watchers * self.encode_px_s)
        return demand.fps * frame_s


@dataclass(frozen=True, slots=True)
class Capacity:
    """costs of a frame, processors there are, and most sessions whatever they cost (None: as many as fit)."""

    costs: Costs
    processors: float
    most: int | None = None

    def load(self, running: Iterable[Demand]) -> float:
        """Share of the machine, 0..1 and beyond, that streams ask for."""
        return sum(self.costs.share(one) for one in running) / self.processors

    def admits_watcher(self, running: Iterable[Demand], watched: Demand) -> bool:
        """Whether one of those that run may be encoded once more. The first watcher is always let in."""
        if self.most is not None or not watched.watchers:
            return True
        more = self.costs.share(replace(watched, watchers=watched.watchers + 1)) - self.costs.share(watched)
        return self.load(running) + more / self.processors <= HEADROOM

    def admits(self, running: Iterable[Demand], new: Demand) -> bool:
        """Whether there is room for one more. The first is always let in: late frames are skipped, not queued."""
        running = list(running)
        if self.most is not None:
            return len(running) < self.most
        return not running or self.load([*running, new]) <= HEADROOM

    def room(self, running: Iterable[Demand], new: Demand) -> int:
        """How many more like this one would be let in, one after the other."""
        running = list(running)
        if self.most is not None:
            return max(0, self.most - len(running))
        fit = int((HEADROOM - self.load(running)) / self.load([new]))
        return min(max(fit, 0 if running else 1), max(0, MOST_STREAMS - len(running)))


def measure(open_streams: Callable[[Size], Streams], long_side: int) -> Costs:
    """Run frames of the shipped portrait through all that a frame goes through, and count processor time.

    Takes some seconds; to be called while nothing else runs in this process.
    """
    path = assets.asset("astronaut.jpg").path
    picture: UInt8Array = fill(read_picture(path.read_bytes(), path.name), MEASURED)
    pictures = [to_i420(picture), to_i420(picture[:, ::-1].copy())]
    small = seen_size(MEASURED, long_side)
    streams = open_streams(small)
    try:
        network_s, rest_s, encode_s = _timed(streams, pictures, small)
    finally:
        streams.close()
    pixels = MEASURED.height * MEASURED.width
    return Costs(network_s / (small.height * small.width), rest_s / pixels, encode_s / pixels)


def _timed(streams: Streams, pictures: list[I420], small: Size) -> tuple[float, float, float]:
    """Processor seconds of a frame: of the network, of painting and decoding, of encoding."""
    desk, shrink = Desk(MEASURED), Shrinker(MEASURED, small)
    dress = Dress(Look(), open_backdrop("blur"), open_backdrop("blur"))
    encoder, decoder = Vp8Encoder(), Vp8Decoder()
    room, out = shrink(pictures[0])[None], empty_frame(MEASURED.height, MEASURED.width)
    taken_s = np.zeros(3)
    for index in range(WARM + FRAMES):
        arrival = Arrival(pictures[index // 4 % 2], MEASURED, index * CLOCK // 30, time.perf_counter())
        marks_s = [time.process_time()]
        shrink(arrival.pixels, room[0])
        (found,) = streams.step(room, [0], [index == 0])
        marks_s.append(time.process_time())
        fill_frame(out, desk.finished.front.planes)
        out.pts, out.time_base = arrival.pts, Fraction(1, CLOCK)
        payloads, timestamp = encoder.encode(out)
        marks_s.append(time.process_time())
        desk.paint(Matted(frame_of(arrival), room[0], found), dress, arrival.pts)
        desk.finished.take(0.0)
        decoder.decode(JitterFrame(b"".join(vp8_depayload(payload) for payload in payloads), timestamp))
        marks_s.append(time.process_time())
        taken_s += np.diff(marks_s) if index >= WARM else 0.0
    network_s, encode_s, rest_s = (taken_s / FRAMES).tolist()
    return network_s, rest_s, encode_s
