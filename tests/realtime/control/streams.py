"""Live streams to be controlled: pieces of faults.py put together, run in a thread or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from rimlight.realtime.live import Live
from rimlight.realtime.safety import Limits
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.null import NullSink
from tests.realtime.faults import BACKDROP, SIZE, SentinelCamera

PATIENCE_S = 60  # until a test that hangs fails


def resting() -> Live:
    """A stream that does not run."""
    settings = Settings(backend="fake", backdrop=BACKDROP, long_side=96)
    return Live(SentinelCamera, settings, SIZE, Fraction(100), limits=Limits(10, 10))


@contextmanager
def going(live: Live) -> Iterator[threading.Event]:
    """Runs the stream into nowhere; the event is set once the camera was shown."""
    stop, shown = threading.Event(), threading.Event()

    def look(_: object) -> None:
        if live.status().stats.counts.get("out_live", 0):
            shown.set()

    thread = threading.Thread(target=live.run, args=(NullSink("rgb"), stop, look))
    thread.start()
    try:
        yield shown
    finally:
        stop.set()
        thread.join(PATIENCE_S)
