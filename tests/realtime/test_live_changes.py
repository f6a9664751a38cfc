"""What changes while a stream runs, and what that does not disturb."""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction

import pytest

from rimlight.compose import EdgeOptions
from rimlight.errors import BackdropError, FrameError, SourceError
from rimlight.realtime.governor import Budget
from rimlight.realtime.live import Live
from rimlight.realtime.safety import Limits, State
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.null import NullSink
from rimlight.types import Frame

from .faults import BACKDROP, SIZE, SentinelCamera

MOST = 30_000


class Opened:
    """Opens cameras and counts them."""

    def __init__(self) -> None:
        self.cameras: list[SentinelCamera] = []

    def __call__(self) -> SentinelCamera:
        self.cameras.append(SentinelCamera())
        return self.cameras[-1]


def stream(opened: Callable[[], SentinelCamera]) -> Live:
    settings = Settings(backend="fake", backdrop=BACKDROP, long_side=96)
    return Live(opened, settings, SIZE, Fraction(500), limits=Limits(20, 20), retry_s=0.005)


def run(live: Live, changes: list[Callable[[], object]], sink: NullSink | None = None) -> None:
    """Run the stream, making a change whenever it has been live for ten frames since the last, and a while after."""
    stop, left, lived, seen = threading.Event(), list(changes), [0], [0]

    def look(_: Frame) -> None:
        seen[0] += 1
        lived[0] += live.status().state is State.LIVE
        if seen[0] > MOST or (lived[0] >= 10 and not left):
            stop.set()
        elif lived[0] >= 10:
            lived[0] = 0
            left.pop(0)()

    live.run(sink or NullSink("rgb"), stop, look)
    assert not left


def test_no_change_of_the_picture_opens_the_camera_again() -> None:
    live = stream(opened := Opened())
    changes: list[dict[str, object]] = [
        {"backdrop": "#000000"}, {"edges": EdgeOptions(2.0, 0.5)}, {"mirror": True}, {"long_side": 64},
        {"budget": Budget(100)}, {"budget": Budget(None, 0.5)}, {"budget": None},
    ]  # fmt: skip
    run(live, [lambda change=change: live.apply(**change) for change in changes])  # type: ignore[misc]
    assert len(opened.cameras) == 1
    assert live.status().stats.counts.get("faults", 0) == 0
    assert live.status().settings.long_side == 64


def test_a_change_of_detail_is_seen_by_the_network() -> None:
    live = stream(Opened())
    sides: list[int] = []

    def look(matted: object) -> None:
        sides.append(matted.small.shape[2])  # type: ignore[attr-defined]

    live.observe = look
    run(live, [lambda: live.apply(long_side=64)])
    assert (sides[0], sides[-1]) == (96, 64)


def test_another_backend_is_opened_with_the_camera() -> None:
    live = stream(opened := Opened())
    run(live, [lambda: live.apply(threads=1)])
    assert len(opened.cameras) == 2
    assert live.status().stats.counts.get("faults", 0) == 0


def test_what_carries_no_alpha_cannot_become_transparent() -> None:
    live = stream(Opened())

    def transparent() -> None:
        with pytest.raises(BackdropError, match="no alpha"):
            live.apply(backdrop="transparent")

    run(live, [transparent])
    assert live.status().backdrop == BACKDROP
    run(live, [lambda: live.apply(backdrop="transparent")], NullSink("rgba"))
    assert live.status().backdrop == "transparent"


def test_a_detail_that_no_network_takes_is_the_callers_error() -> None:
    live = stream(Opened())
    with pytest.raises(FrameError, match="multiples of 16"):
        live.apply(long_side=100)
    assert live.status().settings.long_side == 96


def test_a_camera_that_fails_at_once_is_heard() -> None:
    def missing() -> SentinelCamera:
        raise SourceError("no camera")

    live, stop = stream(missing), threading.Event()
    live.run(NullSink("rgb"), stop, lambda _: stop.set() if live.status().reason == "no camera" else None)
    assert live.status().reason == "no camera"


def test_the_device_is_known_after_the_end() -> None:
    live = stream(Opened())
    assert live.status().device == ""
    run(live, [])
    assert live.status().device.startswith("numpy")
