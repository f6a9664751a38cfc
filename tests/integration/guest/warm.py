"""Compiles, on this machine and for the guest's processor, what the guest would compile many times more slowly."""

from __future__ import annotations

import time
from threading import Event

from rimlight.pixels import to_i420, to_rgb
from rimlight.realtime.live import Live
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.null import NullSink
from rimlight.realtime.sources.pattern import PatternSource
from rimlight.types import Frame

from .steps import PATIENT, RATE, SIZE


def run(backend: str) -> None:
    """The live engine on the pattern until ten of its pictures were shown."""
    stop = Event()
    settings = Settings(backend=backend, backdrop="#1e90ff", long_side=128)
    stream = Live(lambda: PatternSource(SIZE, RATE, pause=time.sleep), settings, SIZE, RATE, limits=PATIENT, hang_s=120)

    def written(_: Frame) -> None:
        if stream.stats.snapshot().counts.get("out_live", 0) > 10:
            stop.set()

    stream.run(NullSink("i420"), stop, written)


if __name__ == "__main__":
    run("fake")
    run("onnx")
    to_rgb(to_i420(next(iter(PatternSource(SIZE))).image))
