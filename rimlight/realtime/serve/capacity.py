"""How many videos this machine can take: what one frame costs is measured at the start, not guessed.

A stream's demand is its frames a second times the processor seconds of one: the network grows with the internal size,
everything else (decoding, the full-resolution pass, encoding) with the picture.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

from aiortc.codecs.vpx import Vp8Decoder, vp8_depayload
from aiortc.jitterbuffer import JitterFrame
from av.video.frame import VideoFrame

from rimlight import assets
from rimlight.backends.streams import Streams
from rimlight.pixels import Shrinker, fill, read_picture, to_i420
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.serve.encoders import Vp8Encoder
from rimlight.realtime.serve.measures import Look
from rimlight.realtime.serve.networks import seen_size
from rimlight.realtime.serve.outlet import empty_frame, fill_frame
from rimlight.realtime.serve.stream import CLOCK, Arrival, Desk, Dress, frame_of
from rimlight.realtime.session import Matted
from rimlight.types import I420, Size, UInt8Array

HEADROOM = 0.9  # of all processors; the rest is for the event loop and the operating system
MEASURED = Size(720, 1280)
FRAMES = 12  # timed after WARM others
WARM = 4


@dataclass(frozen=True, slots=True)
class Demand:
    """What a stream asks for: frames of a size, a second, seen by the network at a long side."""

    size: Size
    fps: float
    long_side: int


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor seconds of one frame: of the network per internal pixel, of all else per pixel."""

    per_internal_px_s: float
    per_px_s: float

    def share(self, demand: Demand) -> float:
        """Processors that a stream keeps busy."""
        small = seen_size(demand.size, demand.long_side)
        frame_s = small.height * small.width * self.per_internal_px_s
        frame_s += demand.size.height * demand.size.width * self.per_px_s
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

    def admits(self, running: Iterable[Demand], new: Demand) -> bool:
        """Whether there is room for one more. The first is always let in: late frames are skipped, not queued."""
        running = list(running)
        if self.most is not None:
            return len(running) < self.most
        return not running or self.load([*running, new]) <= HEADROOM


def processors() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


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
        network_s, rest_s = _timed(streams, pictures, small)
    finally:
        streams.close()
    return Costs(network_s / (small.height * small.width), rest_s / (MEASURED.height * MEASURED.width))


def _timed(streams: Streams, pictures: list[I420], small: Size) -> tuple[float, float]:
    desk, shrink = Desk(MEASURED), Shrinker(MEASURED, small)
    dress = Dress(Look(), open_backdrop("blur"), open_backdrop("blur"))
    encoder, decoder = Vp8Encoder(), Vp8Decoder()
    room, out = shrink(pictures[0])[None], empty_frame(MEASURED.height, MEASURED.width)
    network_s = rest_s = 0.0
    for index in range(WARM + FRAMES):
        arrival = Arrival(pictures[index // 4 % 2], MEASURED, index * CLOCK // 30, time.perf_counter())
        begin_s = time.process_time()
        shrink(arrival.pixels, room[0])
        (found,) = streams.step(room, [0], [index == 0])
        middle_s = time.process_time()
        desk.paint(Matted(frame_of(arrival), room[0], found), dress, arrival.pts)
        desk.finished.take(0.0)
        fill_frame(out, desk.finished.front.planes)
        out.pts, out.time_base = arrival.pts, Fraction(1, CLOCK)
        _through(encoder, decoder, out)
        if index >= WARM:
            network_s += middle_s - begin_s
            rest_s += time.process_time() - middle_s
    return network_s / FRAMES, rest_s / FRAMES


def _through(encoder: Vp8Encoder, decoder: Vp8Decoder, frame: VideoFrame) -> None:
    """Encode and decode, as each stream does once each."""
    payloads, timestamp = encoder.encode(frame)
    decoder.decode(JitterFrame(b"".join(vp8_depayload(payload) for payload in payloads), timestamp))
