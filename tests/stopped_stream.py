"""A live stream to standard output that stops itself once the camera was shown for a while; run by test_cli_live.py.

Says on stderr which frame it wrote last before it stopped, and ends when the camera is shown again.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from fractions import Fraction

from rimlight.realtime.live import Live
from rimlight.realtime.safety import Limits, State
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks import open_sink
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sources import open_source
from rimlight.types import Frame, Size

SIZE, RATE = Size(64, 112), Fraction(50)
LIMITS = Limits(late_s=0.3, stale_s=0.4)


def main() -> None:
    """Run until the camera is shown after the stop."""
    settings = Settings(backend="fake", backdrop="#102030", long_side=128)
    live = Live(lambda: open_source("pattern-live:112x64@50"), settings, SIZE, RATE, limits=LIMITS)
    stop, written = threading.Event(), iter(range(10**6))
    lived: list[int] = []
    stopped: list[int] = []

    def look(_: Frame) -> None:
        index = next(written)
        if live.status().state is State.LIVE:
            lived.append(index)
            if stopped:
                stop.set()
            elif len(lived) == 5:
                stopped.append(index)
                print(index, file=sys.stderr, flush=True)
                os.kill(os.getpid(), signal.SIGSTOP)

    with open_sink("pipe:rgb24", StreamInfo(SIZE, RATE)) as sink:
        live.run(sink, stop, look)


main()
